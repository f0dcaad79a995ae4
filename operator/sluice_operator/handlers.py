"""The one door to kopf: it watches, we listen.  Nothing is decided here, and nothing is written by kopf.

Only ``on.event`` is used: it leaves no finalizer and no annotation on anybody's object.  kopf runs in a thread with
an event loop of its own, because it ends every task of its loop when it ends, and it does end: on an API server
that answers 5xx for long, or with an error inside a watch.  Then it is started again, here, and a relist makes up
for what was missed; ending the process instead would let the kubelet's growing back-off decide how long we are deaf.
"""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable
from typing import Any, Final

import kopf

from sluice_contract.names import API_GROUP, API_VERSION
from sluice_operator.cluster import Manifest
from sluice_operator.telemetry import WATCH_RESTARTS

Heard = Callable[[str, Manifest, bool], None]

_OURS: Final = {
    "modeldeployments": "ModelDeployment",
    "virtualkeys": "VirtualKey",
    "budgets": "Budget",
    "modelproviders": "ModelProvider",
}
_CORE: Final = {"secrets": "Secret", "configmaps": "ConfigMap"}
_UNINTERESTING_SECRETS: Final = "type!=helm.sh/release.v1"  # a field selector
_PAGE_OBJECTS: Final = 500
_FIRST_PAUSE_SECONDS: Final = 0.5
_MAX_PAUSE_SECONDS: Final = 15.0
_JOIN_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


class Watching:
    """kopf, kept running.

    ``heard`` is called in the event loop that called ``run``, with a kind, a manifest and whether it is deleted;
    ``deaf`` when something may have been missed.
    """

    def __init__(self, *, namespaces: tuple[str, ...], heard: Heard, deaf: Callable[[], None]) -> None:
        self._namespaces: Final = namespaces
        self._heard: Final = heard
        self._deaf: Final = deaf

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()

        def hear(kind: str, manifest: Manifest, deleted: bool) -> None:  # noqa: FBT001  # the shape of Heard
            loop.call_soon_threadsafe(self._heard, kind, manifest, deleted)

        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            began = loop.time()
            await self._run_once(hear)
            lasted_seconds = loop.time() - began
            pause_seconds = _FIRST_PAUSE_SECONDS if lasted_seconds > 60 else min(pause_seconds * 2, _MAX_PAUSE_SECONDS)
            WATCH_RESTARTS.inc()
            log.warning("watch.ended", extra={"seconds": round(lasted_seconds, 3)})
            self._deaf()  # now, and again when it listens: what it lists then shows nothing of what went meanwhile
            await asyncio.sleep(pause_seconds)
            self._deaf()

    async def _run_once(self, hear: Heard) -> None:
        """Run kopf in a thread until it ends, however it ends; cancelling ends it."""
        loop, ended, stop = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        registry = _registry(hear, stop, cluster_wide=not self._namespaces)

        def work() -> None:
            try:
                asyncio.run(_operate(registry, self._namespaces, stop))
            except Exception as error:  # noqa: BLE001  # kopf's own reasons to end, whatever they are
                log.warning("watch.failed", extra={"error": type(error).__name__})
            finally:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(ended.set)

        thread = threading.Thread(target=work, name="kopf", daemon=True)
        thread.start()
        try:
            await ended.wait()
        finally:
            stop.set()
            await asyncio.to_thread(thread.join, _JOIN_SECONDS)


async def _operate(registry: kopf.OperatorRegistry, namespaces: tuple[str, ...], stop: threading.Event) -> None:
    try:
        await kopf.operator(
            registry=registry,
            settings=_settings(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            stop_flag=stop,
        )
    finally:
        stop.set()  # a thread of this loop waits for it, and the loop would wait for that thread


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.process.ultimate_exiting_timeout = None  # it kills the thread, and with it the process
    settings.scanning.disabled = True  # our kinds are there before we start; so we need no right to watch CRDs
    settings.watching.chunk_size = _PAGE_OBJECTS
    settings.watching.server_timeout = 300
    settings.watching.field_selectors["", "v1", "secrets"] = _UNINTERESTING_SECRETS
    return settings


def _registry(heard: Heard, stop: threading.Event, *, cluster_wide: bool) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    # Where only some namespaces are ours to see, they are read by name at each relist.
    core = {**_CORE, "namespaces": "Namespace"} if cluster_wide else _CORE
    for plural, kind in _OURS.items():
        kopf.on.event(API_GROUP, API_VERSION, plural, registry=registry)(_handler(kind, heard))
    for plural, kind in core.items():
        kopf.on.event("", "v1", plural, registry=registry)(_handler(kind, heard))
    kopf.on.login(registry=registry, errors=kopf.ErrorsMode.PERMANENT)(_login_or(stop))
    return registry


def _handler(kind: str, heard: Heard) -> Callable[..., Any]:
    async def hear(event: kopf.RawEvent, **_: Any) -> None:  # noqa: ANN401  # whatever else kopf passes
        # Async, or kopf would run it in a thread of its own.  Manifests of a list do not say what they are.
        heard(kind, {**event["object"], "kind": kind}, event["type"] == "DELETED")

    return hear


def _login_or(stop: threading.Event) -> Callable[..., Any]:
    async def login(**given: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401  # whatever kopf passes
        # As the cluster's door does: a kubeconfig that is named comes before the pod's account.
        named = os.environ.get("KUBECONFIG")
        ways = (kopf.login_with_kubeconfig, kopf.login_with_service_account)
        try:
            return next((found for way in (ways if named else ways[::-1]) if (found := way(**given))), None)
        except Exception:
            stop.set()  # or kopf would go on for ever without credentials, and hear nothing
            raise

    return login
