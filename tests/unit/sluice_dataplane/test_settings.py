"""Settings: parsed once at the start, refused when wrong."""

from pathlib import Path

import pytest

from sluice_dataplane.settings import Settings, SettingsInvalidError


def test_variables_become_typed_settings_and_empty_ones_are_absent() -> None:
    """Numbers, paths and switches are parsed; an empty variable means the default."""
    env = {
        "SLUICE_PORT": "8080",
        "SLUICE_DATA_DIR": "/d",
        "SLUICE_LOG_REQUESTS": "false",
        "SLUICE_USAGE_DIR": "/u",
        "SLUICE_USAGE_KEEP_DAYS": "7",
        "SLUICE_REDIS_URL": "",
        "X": "y",
    }
    settings = Settings.from_env(env)

    assert (settings.port, settings.data_dir, settings.log_requests, settings.redis_url) == (
        8080,
        Path("/d"),
        False,
        "",
    )
    assert (settings.usage_files, settings.usage_dir, settings.usage_keep_days) == (True, Path("/u"), 7)


@pytest.mark.parametrize(
    "env",
    [
        {"SLUICE_PORT": "http"},
        {"SLUICE_LOG_REQUESTS": "perhaps"},
        {"SLUICE_SOURCE": "carrier-pigeon"},
        {"SLUICE_SOURCE": "directory"},
        {"SLUICE_REDIS_URL": "redis+sentinel://sentinel"},
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(env: dict[str, str]) -> None:
    """The process does not start on a guess; the message names the variable."""
    with pytest.raises(SettingsInvalidError, match="SLUICE_"):
        Settings.from_env(env)


def test_a_redis_password_does_not_print() -> None:
    """A settings repr may reach a log; the URL with its password may not."""
    assert "hunter2" not in repr(Settings(redis_url="redis://:hunter2@r"))


def test_a_wrong_redis_url_is_not_quoted() -> None:
    """What is said of a URL that cannot be used names the variable and holds no password."""
    with pytest.raises(SettingsInvalidError, match="SLUICE_REDIS_URL") as caught:
        Settings.from_env({"SLUICE_REDIS_URL": "redis://:hunter2@r/db"})

    assert "hunter2" not in str(caught.value)
