"""One connection: what ends it, what keeps it, and what it does when nobody is there any more."""

import asyncio

import pytest

from sluice_dataplane.upstream.connection import HIGH_WATER_BYTES, Connection
from sluice_dataplane.upstream.deadlines import Deadlines

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class _Transport(asyncio.Transport):
    """A transport that goes nowhere and remembers what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unsent_bytes = 0
        self.reading = True
        self.closing = False

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing


def _connection() -> tuple[Connection, _Transport, set[Connection]]:
    loop = asyncio.get_running_loop()
    open_: set[Connection] = set()
    connection, transport = Connection(loop, Deadlines(loop), open_), _Transport()
    connection.connection_made(transport)
    return connection, transport, open_


def _start(connection: Connection) -> None:
    far_s = asyncio.get_running_loop().time() + 1000
    connection.start(b"request", is_head=False, first_due_s=far_s, between_s=1000)


async def test_an_answer_that_came_whole_frees_the_connection() -> None:
    """Whether its body was read or not."""
    connection, transport, _ = _connection()
    _start(connection)
    connection.data_received(WHOLE)

    assert (connection.end(), transport.written, transport.closing) == (True, b"request", False)


async def test_a_request_that_is_not_sent_whole_keeps_the_connection_busy() -> None:
    """What is left of it would come before the next request."""
    connection, transport, _ = _connection()
    _start(connection)
    transport.unsent_bytes = 1
    connection.data_received(WHOLE)

    assert (connection.end(), transport.closing) == (False, True)


async def test_reading_pauses_above_the_high_water_and_goes_on_below() -> None:
    """Once too much is unread, and as soon as it is taken."""
    connection, transport, _ = _connection()
    _start(connection)
    connection.data_received(HEAD)
    connection.data_received(b"x" * HIGH_WATER_BYTES)
    below = transport.reading
    connection.data_received(b"x")
    above = transport.reading
    connection.take()

    assert (below, above, transport.reading) == (True, False, True)


async def test_a_connection_paused_with_a_whole_answer_reads_on_for_the_next() -> None:
    """A kept connection that does not read would never see another answer, nor its own end."""
    connection, transport, _ = _connection()
    _start(connection)
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + b"x" * 300_000)
    paused = not transport.reading

    assert (paused, connection.end(), transport.reading) == (True, True, True)


async def test_waiting_for_all_reads_on() -> None:
    """read() wants the whole body, so that the high water does not hold it back."""
    connection, transport, _ = _connection()
    _start(connection)
    connection.data_received(HEAD + b"x" * (HIGH_WATER_BYTES + 1))
    paused = not transport.reading
    waiting = asyncio.ensure_future(connection.wait("all", 2_000_000))
    await asyncio.sleep(0)
    connection.data_received(b"x" * (1_000_000 - HIGH_WATER_BYTES - 1))
    await waiting

    assert (paused, transport.reading, connection.complete) == (True, True, True)


async def test_a_connection_that_ended_before_it_was_used_says_that_nothing_was_sent() -> None:
    """The upstream may close at once after accepting."""
    connection, transport, _ = _connection()
    connection.connection_lost(None)
    _start(connection)
    await connection.wait("head")

    assert connection.failure is not None
    assert (connection.failure.cause, connection.failure.sent, transport.written) == ("ConnectFailure", False, b"")


async def test_a_connection_made_after_it_was_given_up_is_dropped() -> None:
    """A cancelled connect may still succeed; nobody would ever close it."""
    loop = asyncio.get_running_loop()
    open_: set[Connection] = set()
    connection, transport = Connection(loop, Deadlines(loop), open_), _Transport()
    connection.fail("given up", "ConnectFailure")
    connection.connection_made(transport)

    assert (transport.closing, open_) == (True, set())


@pytest.mark.parametrize("data", [WHOLE, b"x"])
async def test_bytes_that_nobody_asked_for_end_the_connection(data: bytes) -> None:
    """Before a request, or after its answer."""
    fresh, fresh_transport, _ = _connection()
    fresh.data_received(data)
    used, used_transport, _ = _connection()
    _start(used)
    used.data_received(WHOLE)
    used.data_received(data)

    assert used.take() == b"{}"
    assert (fresh_transport.closing, used_transport.closing, used.end()) == (True, True, False)


async def test_an_end_after_the_answer_harms_nothing() -> None:
    """What came whole can still be read."""
    connection, _, open_ = _connection()
    _start(connection)
    connection.data_received(WHOLE)
    connection.connection_lost(ConnectionResetError())

    assert (connection.failure, connection.take(), connection.end(), open_) == (None, b"{}", False, set())


async def test_a_reset_is_no_end_of_a_body() -> None:
    """A body without a length ends with an orderly close only."""
    connection, _, _ = _connection()
    _start(connection)
    connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nhalf")
    connection.connection_lost(ConnectionResetError())

    assert (connection.complete, connection.failure is not None) == (False, True)


async def test_a_cancelled_wait_changes_nothing() -> None:
    """The next wait gets what comes."""
    connection, _, _ = _connection()
    _start(connection)
    waiting = asyncio.ensure_future(connection.wait("head"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    connection.data_received(WHOLE)
    await connection.wait("all", 10)

    assert (connection.complete, connection.failure) == (True, None)


async def test_what_was_given_up_holds_nothing() -> None:
    """What came and nobody took goes with the exchange; until then it is there, though no more can come."""
    connection, _, _ = _connection()
    _start(connection)
    connection.data_received(HEAD + b"x" * 1_000)
    connection.fail("why", "Protocol")
    before = connection.buffered_bytes

    assert not connection.end()
    assert (before, connection.buffered_bytes, connection.take()) == (1_000, 0, b"")
