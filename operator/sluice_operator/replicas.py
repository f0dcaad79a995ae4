"""The door to the data plane's admin ports: which revision a replica serves, what it counted, how its targets are."""

import asyncio
from collections.abc import Callable, Collection
from typing import Final, TypeVar

import aiohttp
import msgspec

from sluice_operator.errors import OperatorError, SpendUnavailableError
from sluice_operator.spend import Account, Answer, Question, Usage

_MARGIN_SECONDS: Final = 2.0  # on top of the time a replica was asked to wait
_ANSWER_SECONDS: Final = 3.0
_MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024


class ReplicaUnreachableError(OperatorError):
    """A replica did not answer in time, or not what was asked."""


class Served(msgspec.Struct, frozen=True):
    """The revision a replica serves (None before its first), and when it took it over."""

    revision: str | None = None
    applied_at_ms: int | None = None


class Spend(msgspec.Struct, frozen=True):
    """A replica's own counters: accounts by name, keys by id and month."""

    accounts: dict[str, Account] = {}
    keys: dict[str, dict[str, Usage]] = {}


class TargetState(msgspec.Struct, frozen=True):
    """Whether a replica sends calls to a target, and why not."""

    healthy: bool
    reason: str = ""


_Answer = TypeVar("_Answer")


class Replicas:
    """HTTP to replicas by pod address; one session for all of them."""

    def __init__(self, session: aiohttp.ClientSession, *, admin_port: int) -> None:
        self._session: Final = session
        self._admin_port: Final = admin_port

    async def revision(self, address: str, *, wait: str, timeout_ms: int) -> Served:
        """What the replica serves as soon as that is *wait*, or after *timeout_ms*.

        Raises:
            ReplicaUnreachableError: no answer, or not one of this form.
        """
        query = {"wait": wait, "timeout_ms": str(timeout_ms)}
        return await self._get(address, "/revision", query, Served, timeout_ms / 1000 + _MARGIN_SECONDS)

    async def spend(self, address: str) -> Spend:
        """The replica's own counters; meaningful only where it is the only one.

        Raises:
            ReplicaUnreachableError: no answer, or not one of this form.
        """
        return await self._get(address, "/spend", {}, Spend, _ANSWER_SECONDS)

    async def targets(self, address: str) -> dict[str, dict[str, TargetState]]:
        """Target states by model uid and target name.

        Raises:
            ReplicaUnreachableError: no answer, or not one of this form.
        """
        return await self._get(address, "/targets", {}, dict[str, dict[str, TargetState]], _ANSWER_SECONDS)

    async def _get(
        self, address: str, path: str, query: dict[str, str], kind: type[_Answer], seconds: float
    ) -> _Answer:
        host = f"[{address}]" if ":" in address else address
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.get(f"http://{host}:{self._admin_port}{path}", params=query) as answer,
            ):
                answer.raise_for_status()
                return msgspec.json.decode(await _read(answer), type=kind)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            message = f"{address}{path}: {type(error).__name__}"
            raise ReplicaUnreachableError(message) from error


class ReplicaSpend:
    """The counters of a single replica that keeps them in memory: a SpendSource without Redis."""

    def __init__(self, replicas: Replicas, addresses: Callable[[], Collection[str]]) -> None:
        self._replicas: Final = replicas
        self._addresses: Final = addresses

    async def read(self, question: Question) -> Answer:
        """Everything the replica counted.

        Raises:
            SpendUnavailableError: there is not exactly one replica, or it does not answer.
        """
        addresses = tuple(self._addresses())
        if len(addresses) != 1:
            message = f"no Redis is set, and {len(addresses)} replicas are ready: only one can count alone"
            raise SpendUnavailableError(message)
        try:
            spend = await self._replicas.spend(addresses[0])
        except ReplicaUnreachableError as error:
            raise SpendUnavailableError(str(error)) from error
        used = {key_id: months[question.month] for key_id, months in spend.keys.items() if question.month in months}
        return Answer(spend.accounts, used)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for chunk in answer.content.iter_any():
        data += chunk
        if len(data) > _MAX_ANSWER_BYTES:
            message = "the answer is too long"
            raise ValueError(message)
    return bytes(data)
