"""Idle connections: which is used next, and when one goes."""

import asyncio

import pytest

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import UpstreamRequest
from sluice_dataplane.upstream import client
from sluice_dataplane.upstream import pool as pool_module
from sluice_dataplane.upstream.connection import Connection
from sluice_dataplane.upstream.deadlines import Deadlines
from sluice_dataplane.upstream.pool import IDLE_S, MAX_IDLE, Pool
from sluice_dataplane.upstream.seam import Patience
from support.peer import answering, serving


class _Transport(asyncio.Transport):
    """A transport that goes nowhere."""

    closing = False

    def abort(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: object) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


def _served(*, keep: bool = True) -> Connection:
    """A connection whose exchange has just ended."""
    loop = asyncio.get_running_loop()
    connection = Connection(loop, Deadlines(loop), set())
    connection.connection_made(_Transport())
    connection.start(b"", is_head=False, first_due_s=0, between_s=0)
    close = b"" if keep else b"connection: close\r\n"
    connection.data_received(b"HTTP/1.1 200 OK\r\n" + close + b"content-length: 0\r\n\r\n")
    return connection


async def test_the_last_one_used_is_used_next() -> None:
    """So that the others can grow old."""
    pool = Pool(asyncio.get_running_loop())
    first, second = _served(), _served()
    pool.end(first)
    pool.end(second)

    assert [pool.take(), pool.take(), pool.take()] == [second, first, None]


async def test_what_cannot_serve_again_is_not_kept() -> None:
    """An exchange that ended its connection leaves nothing behind."""
    pool = Pool(asyncio.get_running_loop())
    connection = _served(keep=False)
    pool.end(connection)

    assert (len(pool), connection.lost) == (0, True)


async def test_a_connection_that_was_lost_is_not_given() -> None:
    """It may have ended while it was idle."""
    pool = Pool(asyncio.get_running_loop())
    alive, lost = _served(), _served()
    pool.end(alive)
    pool.end(lost)
    lost.connection_lost(None)

    assert [pool.take(), pool.take()] == [alive, None]


@pytest.mark.parametrize("way", ["take", "prune"])
async def test_a_connection_that_was_idle_for_too_long_is_dropped(way: str) -> None:
    """Neither given out nor kept open."""
    pool = Pool(asyncio.get_running_loop())
    old, young = _served(), _served()
    pool.end(old)
    pool.end(young)
    old.idle_since_s -= IDLE_S
    if way == "prune":
        pool.prune()

    assert (len(pool) if way == "prune" else 1, pool.take(), pool.take(), old.lost) == (1, young, None, True)


async def test_what_is_kept_has_a_limit() -> None:
    """The connections of a burst beyond it are closed."""
    pool = Pool(asyncio.get_running_loop())
    burst = [_served() for _ in range(MAX_IDLE + 1)]
    for connection in burst:
        pool.end(connection)

    assert (len(pool), burst[-1].lost, burst[-2].lost) == (MAX_IDLE, True, False)


async def test_a_retired_pool_keeps_nothing() -> None:
    """What is idle goes at once, what is in use when it comes back."""
    pool = Pool(asyncio.get_running_loop())
    idle, in_use = _served(), _served()
    pool.end(idle)
    pool.retire()
    pool.end(in_use)

    assert (len(pool), idle.lost, in_use.lost) == (0, True, True)


async def test_idle_connections_are_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client looks after them without any call being made."""
    monkeypatch.setattr(client, "PRUNE_S", 0.01)
    monkeypatch.setattr(pool_module, "IDLE_S", 0.05)
    http = client.HttpUpstreams()
    async with serving(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")) as served:
        upstream = Upstream(
            id="u", type="OpenAI", provider_name="x", base_url=served.base_url, allow_private_network=True
        )
        request = UpstreamRequest("POST", "/chat", (), b"{}")
        answer = await http.send(upstream, request, credential=None, patience=Patience(5000, 5000, 5000))
        answer.close()
        await served.until_open(0)
    await http.close()
