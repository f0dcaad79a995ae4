"""One leader at a time, with a real Lease."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from kubernetes.aio.client import ApiException, CoordinationV1Api

from sluice_operator.cluster.connection import Connection, connect
from sluice_operator.cluster.lease import Lease, LeaseLostError, Terms
from support.apiserver import ApiServer
from support.operator import Api

TERMS = Terms(lease_seconds=4, renew_seconds=3, retry_seconds=1)
NAME = "sluice-operator"


@pytest.fixture
async def connection(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connection]:
    """A connection to the API server."""
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    connection = Connection(await connect())
    yield connection
    await connection.close()


@pytest.fixture
async def namespace(new_namespace: Callable[[str], Awaitable[Api]]) -> str:
    """Where the Lease is."""
    return (await new_namespace("lease")).namespace


def lease(connection: Connection, namespace: str, holder: str) -> Lease:
    """The Lease, for one candidate."""
    return Lease(connection.api, name=NAME, namespace=namespace, holder=holder, terms=TERMS)


async def holder(connection: Connection, namespace: str) -> str | None:
    """Who has it."""
    found = await CoordinationV1Api(connection.api).read_namespaced_lease(NAME, namespace)
    return found.spec.holder_identity if found.spec else None


async def test_the_second_waits_and_gets_it_when_the_first_lets_go(connection: Connection, namespace: str) -> None:
    """While one leads the other waits; a release lets it in at its next try, long before the Lease would expire."""
    leading, stop, order = asyncio.Event(), asyncio.Event(), list[str]()

    async def first() -> None:
        order.append("first begins")
        leading.set()
        await stop.wait()
        order.append("first ends")

    async def second() -> None:
        order.append("second begins")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lease(connection, namespace, "a").lead(first))
        await leading.wait()
        waiting = tasks.create_task(lease(connection, namespace, "b").lead(second))
        held = await holder(connection, namespace)
        await asyncio.wait([waiting], timeout=2 * TERMS.retry_seconds)
        stop.set()

    assert held == "a"
    assert order == ["first begins", "first ends", "second begins"]
    assert not await holder(connection, namespace)


async def test_who_cannot_renew_stops(connection: Connection, namespace: str) -> None:
    """When somebody else has the Lease, the work is cancelled and the loss is told; it is not given back then."""
    leading, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        leading.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def steal() -> None:
        await leading.wait()
        api = CoordinationV1Api(connection.api)
        while await holder(connection, namespace) != "thief":
            taken = await api.read_namespaced_lease(NAME, namespace)
            assert taken.spec is not None
            taken.spec.holder_identity, taken.spec.lease_duration_seconds = "thief", 60
            with contextlib.suppress(ApiException):  # the holder renewed it in between
                await api.replace_namespaced_lease(NAME, namespace, taken)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(steal())
        with pytest.raises(LeaseLostError):
            await lease(connection, namespace, "a").lead(work)

    assert ended.is_set()
    assert await holder(connection, namespace) == "thief"


async def test_cancelling_gives_it_back(connection: Connection, namespace: str) -> None:
    """A process that is told to stop leaves the Lease to the next one."""
    leading = asyncio.Event()

    async def work() -> None:
        leading.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(lease(connection, namespace, "a").lead(work))
        await leading.wait()
        task.cancel()

    assert not await holder(connection, namespace)
