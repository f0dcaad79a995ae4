"""Settings from an environment."""

import pytest

from sluice_operator.errors import SettingsInvalidError
from sluice_operator.settings import Settings


def test_an_empty_environment_is_enough() -> None:
    """Every setting has a default, and the selector follows the release."""
    settings = Settings.from_env({"SLUICE_RELEASE": "gw", "SLUICE_REDIS_URL": ""})

    assert settings.redis_url == ""
    assert settings.scopes == (None,)
    assert settings.dataplane_selector == "app.kubernetes.io/component=dataplane,app.kubernetes.io/instance=gw"


def test_values_are_read_by_their_kind() -> None:
    """Numbers become numbers, and namespaces a sorted list without repetition."""
    settings = Settings.from_env({"SLUICE_WATCH_NAMESPACES": "b, a,b,", "SLUICE_HEALTH_PORT": "9000"})

    assert settings.scopes == ("a", "b")
    assert settings.health_port == 9000


@pytest.mark.parametrize("text", ["many", "-1", "0", "1.5"])
def test_a_number_that_is_none_is_refused_by_name(text: str) -> None:
    """A value of the wrong form stops the start, and the message names the variable."""
    with pytest.raises(SettingsInvalidError, match="SLUICE_RELIST_SECONDS"):
        Settings.from_env({"SLUICE_RELIST_SECONDS": text})


def test_a_password_in_the_url_is_not_printed() -> None:
    """The Redis URL may hold a password: it is not in the settings' repr."""
    assert "hunter2" not in repr(Settings.from_env({"SLUICE_REDIS_URL": "redis://:hunter2@redis:6379"}))


def test_a_wrong_redis_url_is_refused_and_not_quoted() -> None:
    """What is said of a URL that cannot be used names the variable and holds no password."""
    with pytest.raises(SettingsInvalidError, match="SLUICE_REDIS_URL") as caught:
        Settings.from_env({"SLUICE_REDIS_URL": "redis://:hunter2@r/db"})

    assert "hunter2" not in str(caught.value)


def test_who_may_use_the_data_planes_own_identity_is_named() -> None:
    """Nobody besides the operator's own namespace by default, the named ones, or all in so many words."""
    found = [Settings.from_env({"SLUICE_IDENTITY_NAMESPACES": text}).identities_from for text in ("", "b,a", "*")]

    assert found == [frozenset(), frozenset({"a", "b"}), None]
