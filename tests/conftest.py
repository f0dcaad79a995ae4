"""What all tests share."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

# Machines differ in speed and share their cores: how long an example takes proves nothing.
settings.register_profile("sluice", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sluice")


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str, object], None]:
    """``figure("revocation", "41 ms")``: a measured figure, shown at the end of the run."""
    return record_property


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """All figures."""
    told = [
        f"{report.nodeid.rpartition('::')[2]}: {name} = {value}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
    ]
    if told:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(told))
