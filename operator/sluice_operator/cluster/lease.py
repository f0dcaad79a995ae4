"""One operator at a time: a coordination.k8s.io Lease, held, renewed and given back.

The election is the Kubernetes client's; here it gets what it lacks: a deadline for each exchange (a renewal that
hangs must not outlive the Lease), survival of refused connections, and a release on the way out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException, CoordinationV1Api, V1Lease, V1ObjectMeta
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from sluice_operator.errors import OperatorError

_EXCHANGE_SECONDS: Final = 3

log = logging.getLogger(__name__)
# The client writes each missed renewal with the whole exception; the outcome is told here.
logging.getLogger("kubernetes.aio.leaderelection").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Terms:
    """After *renew_seconds* without a renewal we stop; others may start *lease_seconds* after the last one."""

    lease_seconds: int = 15
    renew_seconds: int = 10
    retry_seconds: int = 2


_TERMS: Final = Terms()


class LeaseLostError(OperatorError):
    """The Lease could not be renewed in time: somebody else may lead now, so nothing more may be written."""


class _PatientLock(LeaseLock):
    """The client's lock; an exchange that fails in any way counts as not done."""

    async def get(self, name: str, namespace: str) -> Any:  # noqa: ANN401  # the client's own union
        return await _bounded(super().get(name, namespace), (False, ApiException(reason="no answer")))

    async def create(self, name: str, namespace: str, election_record: Any) -> bool:  # noqa: ANN401
        return bool(await _bounded(self._create(name, namespace, election_record), otherwise=False))

    async def update(self, name: str, namespace: str, updated_record: Any) -> bool:  # noqa: ANN401
        return bool(await _bounded(super().update(name, namespace, updated_record), otherwise=False))

    async def _create(self, name: str, namespace: str, election_record: Any) -> bool:  # noqa: ANN401
        # Instead of the client's own: in 37.0.2 that one passes ``pretty=True``, which its own types then refuse.
        lease = V1Lease(metadata=V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        try:
            await self.api_instance.create_namespaced_lease(namespace, lease)
        except ApiException:
            return False
        return True


async def _bounded(exchange: Awaitable[Any], otherwise: Any) -> Any:  # noqa: ANN401
    try:
        async with asyncio.timeout(_EXCHANGE_SECONDS):
            return await exchange
    except (TimeoutError, aiohttp.ClientError, OSError):
        return otherwise


class Lease:
    """The Lease *name* of *namespace*, wanted for *holder*."""

    def __init__(self, api: ApiClient, *, name: str, namespace: str, holder: str, terms: Terms = _TERMS) -> None:
        self._terms: Final = terms
        self._lock: Final = _PatientLock(name, namespace, holder, api)
        self._api: Final = CoordinationV1Api(api)
        self._held = False

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the Lease, then do *work* while it is renewed; gives it back when *work* ends or is cancelled.

        Raises:
            LeaseLostError: it could not be renewed in time; *work* was cancelled first.
        """
        leading = asyncio.Event()

        async def mark() -> None:
            leading.set()

        async def lost() -> None:
            message = f"the Lease was not renewed for {self._terms.renew_seconds} s"
            raise LeaseLostError(message)

        election = LeaderElection(
            Config(
                lock=self._lock,
                lease_duration=self._terms.lease_seconds,
                renew_deadline=self._terms.renew_seconds,
                retry_period=self._terms.retry_seconds,
                onstarted_leading=mark,
                onstopped_leading=lost,
            )
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                keeping = tasks.create_task(election.run(), name="keep-lease")
                await leading.wait()
                self._held = True
                log.info("lease.held", extra={"holder": self._lock.identity})
                await work()
                keeping.cancel()
        except* LeaseLostError:
            self._held = False
        finally:
            given_back = await self._release()
        if not given_back:
            await lost()

    async def _release(self) -> bool:
        """Let the next one in at once; whoever has it by then keeps it (the write carries its resource version).

        False where there was nothing to give back.
        """
        if not self._held:
            return False
        self._held = False
        try:
            async with asyncio.timeout(_EXCHANGE_SECONDS):
                lease = await self._api.read_namespaced_lease(self._lock.name, self._lock.namespace)
                if lease.spec is not None and lease.spec.holder_identity == self._lock.identity:
                    lease.spec.holder_identity, lease.spec.lease_duration_seconds = "", 1
                    await self._api.replace_namespaced_lease(self._lock.name, self._lock.namespace, lease)
                    log.info("lease.released", extra={"holder": self._lock.identity})
        except (TimeoutError, aiohttp.ClientError, OSError, ApiException):
            log.warning("lease.not_released", extra={"holder": self._lock.identity})
        return True
