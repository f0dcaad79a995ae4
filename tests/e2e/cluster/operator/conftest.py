"""The operator's process, an API server with its etcd, and replicas that answer: no node, no kubelet."""

import contextlib
import itertools
import random
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from support.apiserver import ApiServer, running_api_server
from support.operator import Api, Install, OperatorProcess, Replica

CRDS: Final = Path(__file__).parents[4] / "crds"
_HOSTS: Final = itertools.count(11)  # every replica has an address of the loopback network to itself


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real kube-apiserver that knows the four kinds.  Absent programs are an error, never a skip."""
    with running_api_server(tmp_path_factory.mktemp("apiserver")) as server:
        server.ask("apply", "--server-side", *(f"--filename={path}" for path in sorted(CRDS.glob("*.yaml"))))
        server.ask("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        yield server


@pytest.fixture
async def admin(api_server: ApiServer) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API server, as its administrator."""
    headers = {"Authorization": f"Bearer {api_server.token}"}
    async with httpx.AsyncClient(base_url=api_server.url, headers=headers, verify=False, timeout=30) as client:
        yield client


@pytest.fixture
async def new_namespace(admin: httpx.AsyncClient) -> AsyncIterator[Callable[[str], Awaitable[Api]]]:
    """Makes namespaces; nothing of our kinds is left in them afterwards."""
    made: list[Api] = []

    async def make(story: str) -> Api:
        name = f"{story}-{uuid.uuid4().hex[:6]}"
        answer = await admin.post("/api/v1/namespaces", json={"metadata": {"name": name}})
        assert answer.is_success, answer.text
        made.append(Api(admin, name))
        return made[-1]

    yield make
    for api in made:
        await api.clear()


@pytest.fixture
async def install(
    api_server: ApiServer, new_namespace: Callable[[str], Awaitable[Api]], tmp_path: Path
) -> AsyncIterator[Install]:
    """An operator that is not started yet, without replicas."""
    home, tenant = await new_namespace("system"), await new_namespace("team")
    admin_port, health_port, spare_port = free_ports(3)
    settings = {"SLUICE_ADMIN_PORT": str(admin_port), "SLUICE_HEALTH_PORT": str(health_port)}
    operator = OperatorProcess(api_server, home.namespace, tmp_path / "operator.log", **settings)
    stacks: dict[str, contextlib.AsyncExitStack] = {}

    async def add() -> Replica:
        replica = Replica(home, address=f"127.0.0.{next(_HOSTS)}", port=admin_port)
        stacks[replica.address] = stack = contextlib.AsyncExitStack()
        return await stack.enter_async_context(replica.running())

    async def remove(replica: Replica) -> None:
        await stacks.pop(replica.address).aclose()

    try:
        yield Install(home, tenant, operator, spare_port, add, remove)
    finally:
        operator.end()
        for stack in stacks.values():
            await stack.aclose()
        print(operator.log.read_text() if operator.log.exists() else "no log")  # noqa: T201  # shown if the test fails


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that outgoing connections get: they stay free until they are used."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(15_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return found
