"""What is fixed when the operator starts, read once from the environment.  Everything else is a resource."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from sluice_contract import names, redis_url
from sluice_contract.errors import RedisUrlInvalidError
from sluice_operator.errors import SettingsInvalidError

_PREFIX: Final = "SLUICE_"
_DATAPLANE_SELECTOR: Final = "app.kubernetes.io/component=dataplane,app.kubernetes.io/instance={release}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One field per environment variable ``SLUICE_<NAME>``; units are in the names.

    ``watch_namespaces`` empty means the whole cluster.  ``identity_namespaces`` are those whose providers may call as
    the data plane itself; ``*`` among them means all.  ``redis_url`` empty means that the one data-plane
    replica holds the counters in memory and is asked for them.
    """

    namespace: str = "default"
    release: str = "sluice"
    pod_name: str = "sluice-operator"  # who holds the Lease
    watch_namespaces: tuple[str, ...] = ()
    identity_namespaces: tuple[str, ...] = ()  # besides its own
    redis_url: str = field(default="", repr=False)  # may hold a password
    dataplane_selector: str = ""  # "" becomes the chart's labels for this release
    admin_port: int = names.ADMIN_PORT
    health_host: str = "0.0.0.0"  # noqa: S104  # the kubelet's probes come from outside the pod
    health_port: int = 8080
    debounce_ms: int = 50
    relist_seconds: int = 30
    pods_seconds: int = 2
    spend_seconds: int = 5
    log_level: str = "info"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings in *environ*; variables that are empty count as absent.

        Raises:
            SettingsInvalidError: a value is of the wrong form; the message names the variable.
        """
        values: dict[str, object] = {}
        for item in fields(cls):
            variable = f"{_PREFIX}{item.name.upper()}"
            if text := environ.get(variable, ""):
                values[item.name] = _parse(variable, text, item.type)
        _check_redis_url(environ.get("SLUICE_REDIS_URL", ""))
        release = values.get("release", cls.__dataclass_fields__["release"].default)
        values.setdefault("dataplane_selector", _DATAPLANE_SELECTOR.format(release=release))
        return cls(**values)  # type: ignore[arg-type]

    @property
    def scopes(self) -> tuple[str | None, ...]:
        """The namespaces to list and watch; ``(None,)`` for the whole cluster."""
        return self.watch_namespaces or (None,)

    @property
    def identities_from(self) -> frozenset[str] | None:
        """The namespaces whose providers may use the data plane's own identity, besides the operator's; None: all."""
        return None if "*" in self.identity_namespaces else frozenset(self.identity_namespaces)


def _check_redis_url(url: str) -> None:
    try:
        if url:
            redis_url.parse(url)
    except RedisUrlInvalidError as error:
        message = f"SLUICE_REDIS_URL: {error}"
        raise SettingsInvalidError(message) from None


def _parse(variable: str, text: str, kind: object) -> object:
    if kind is int:
        if not text.isdecimal() or int(text) == 0:
            message = f"{variable}: {text!r} is not a whole number above 0"
            raise SettingsInvalidError(message)
        return int(text)
    if kind == tuple[str, ...]:
        return tuple(sorted({part.strip() for part in text.split(",") if part.strip()}))
    return text
