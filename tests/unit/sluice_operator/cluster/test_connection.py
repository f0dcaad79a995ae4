"""One exchange with an API server, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from kubernetes.aio import client

from sluice_operator.cluster.connection import Connection, connect
from sluice_operator.errors import ClusterError


class Server:
    """An API server that says one thing to everyone."""

    def __init__(self) -> None:
        self.status, self.text = 200, "{}"
        self.hangs = False
        self.requests: list[tuple[str, str, str | None]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """What it says."""
        self.requests.append((request.method, request.path_qs, request.headers.get("Authorization")))
        if self.hangs:
            await asyncio.Event().wait()
        return web.Response(status=self.status, text=self.text, content_type="application/json")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A listening server."""
    server = Server()
    app = web.Application()
    app.add_routes([web.route("*", "/{path:.*}", server.answer)])
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def connection(server: Server) -> AsyncIterator[Connection]:
    """A connection with a token and a short deadline."""
    settings = client.Configuration(host=server.url, api_key={"BearerToken": "Bearer t0ken"})
    connection = Connection(client.ApiClient(configuration=settings), deadline_seconds=0.2)
    yield connection
    await connection.close()


async def test_an_exchange_carries_credentials_and_query(server: Server, connection: Connection) -> None:
    """The token and the query go with the request; the answer's body is what is got."""
    server.text = '{"a": 1}'

    data = await connection.send("GET", "/api/v1/pods", query={"limit": "5", "labelSelector": "a=b,c"})

    assert data == b'{"a": 1}'
    assert server.requests == [("GET", "/api/v1/pods?limit=5&labelSelector=a%3Db,c", "Bearer t0ken")]


@pytest.mark.parametrize(("status", "transient"), [(404, False), (403, False), (422, False), (429, True), (503, True)])
async def test_a_refusal_says_whether_to_try_again(
    server: Server, connection: Connection, status: int, transient: bool
) -> None:
    """Overload and outage may pass; other refusals will be the same again."""
    server.status, server.text = status, '{"kind": "Status", "reason": "Why", "message": "because"}'

    with pytest.raises(ClusterError, match="Why: because") as raised:
        await connection.send("GET", "/api/v1/pods")

    assert (raised.value.transient, raised.value.status) == (transient, status)


async def test_a_refused_secret_is_not_quoted(server: Server, connection: Connection) -> None:
    """What the server says about a Secret may hold its content: only the reason is repeated."""
    server.status, server.text = 422, '{"reason": "Invalid", "message": "data: c2VjcmV0"}'

    with pytest.raises(ClusterError, match="Invalid") as raised:
        await connection.send("POST", "/api/v1/namespaces/a/secrets", body={"data": {"k": "c2VjcmV0"}})

    assert "c2VjcmV0" not in str(raised.value)


async def test_an_answer_that_does_not_come_ends_at_the_deadline(server: Server, connection: Connection) -> None:
    """A server that hangs is given up, and may be tried again."""
    server.hangs = True

    with pytest.raises(ClusterError, match="no answer") as raised:
        await connection.send("GET", "/api/v1/pods")

    assert raised.value.transient


async def test_a_server_that_is_not_there_is_transient(connection: Connection, server: Server) -> None:
    """A refused connection is told as an error of the cluster, not of a library."""
    connection.api.configuration.host = "http://127.0.0.1:1"

    with pytest.raises(ClusterError) as raised:
        await connection.send("GET", "/api/v1/pods")

    assert raised.value.transient


async def test_without_credentials_nothing_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No service account and no kubeconfig is an error that says so."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))

    with pytest.raises(ClusterError, match="credentials") as raised:
        await connect()

    assert not raised.value.transient
