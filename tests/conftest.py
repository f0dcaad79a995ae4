"""What all tests share."""

from hypothesis import HealthCheck, settings

# Machines differ in speed and share their cores: how long an example takes proves nothing.
settings.register_profile("sluice", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sluice")
