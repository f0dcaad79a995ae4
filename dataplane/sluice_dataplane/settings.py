"""What is fixed when the process starts.  Everything that may change while it runs comes with the snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from sluice_contract import names, redis_url
from sluice_contract.errors import RedisUrlInvalidError

_PREFIX: Final = "SLUICE_"


class SettingsInvalidError(ValueError):
    """A setting cannot be used; the message names the variable.  Nothing was started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One field per environment variable ``SLUICE_<NAME>``; units are in the names."""

    host: str = "0.0.0.0"  # noqa: S104  # a gateway in a pod listens to the pod's network
    port: int = names.DATA_PORT
    admin_host: str = "0.0.0.0"  # noqa: S104  # probes and the operator come from outside the pod
    admin_port: int = names.ADMIN_PORT
    data_dir: Path = Path("/var/lib/sluice")
    source: str = "cluster"  # cluster | directory
    source_dir: Path | None = None
    namespace: str = "default"
    release: str = "sluice"
    redis_url: str = field(default="", repr=False)  # may hold a password; "" keeps counters in memory
    store_deadline_ms: int = 50  # for one call to Redis; then its budgets' failureMode decides
    usage_stream_records: int = 100_000  # about how many usage records Redis keeps in a stream; 0: none
    usage_files: bool = True  # also write usage records into files of JSON lines
    usage_dir: Path | None = None  # where to; None: usage/ in data_dir
    usage_keep_days: int = 30
    usage_max_bytes: int = 1024 * 1024 * 1024  # of all files together; the oldest go
    max_body_bytes: int = 64 * 1024 * 1024
    max_answer_bytes: int = 64 * 1024 * 1024
    max_inflight: int = 4096
    default_max_output_tokens: int = 4096  # the ceiling set for a budgeted call when nobody names one
    hold_ttl_seconds: int = 60
    shutdown_grace_seconds: int = 600
    shutdown_delay_seconds: int = 0  # keep accepting this long after SIGTERM, and connections that are idle open
    identity_hosts: str = ""  # with commas: who may be shown the pod's own cloud identity, besides the clouds
    log_level: str = "info"
    log_requests: bool = True
    lean_front: bool = True  # False serves every call with aiohttp: slower, and the same in all else
    trace_endpoint: str = ""  # OTLP over HTTP; "" turns tracing off

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings in *environ*; variables that are empty count as absent.

        Raises:
            SettingsInvalidError: a value is of the wrong form, or a SLUICE_ variable is not a setting.
        """
        known = {f"{_PREFIX}{item.name.upper()}": item for item in fields(cls)}
        values: dict[str, object] = {}
        for variable, text in environ.items():
            if variable in known and text:
                values[known[variable].name] = _parse(variable, text, known[variable].type)
        _check_redis_url(environ.get("SLUICE_REDIS_URL", ""))
        if values.get("source", "cluster") not in ("cluster", "directory"):
            message = f"SLUICE_SOURCE: {values['source']!r} is neither cluster nor directory"
            raise SettingsInvalidError(message)
        if values.get("source") == "directory" and "source_dir" not in values:
            message = "SLUICE_SOURCE_DIR: needed when SLUICE_SOURCE is directory"
            raise SettingsInvalidError(message)
        return cls(**values)  # type: ignore[arg-type]


def _check_redis_url(url: str) -> None:
    try:
        if url:
            redis_url.parse(url)
    except RedisUrlInvalidError as error:
        message = f"SLUICE_REDIS_URL: {error}"
        raise SettingsInvalidError(message) from None


def _parse(variable: str, text: str, kind: object) -> object:
    if kind is bool:
        if text.lower() in ("true", "1", "yes"):
            return True
        if text.lower() in ("false", "0", "no"):
            return False
        message = f"{variable}: {text!r} is neither true nor false"
        raise SettingsInvalidError(message)
    if kind is int:
        if not text.isdecimal():
            message = f"{variable}: {text!r} is not a whole number"
            raise SettingsInvalidError(message)
        return int(text)
    return Path(text) if kind in (Path, Path | None) else text
