"""The conversation itself, with a real Redis at the other end."""

import asyncio

import pytest
from redis import exceptions

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.batcher import Reply
from sluice_dataplane.limits.link import RedisLink, store_error
from sluice_dataplane.limits.scripts import Scripts
from support.redis import RedisServer, running_redis


async def test_the_greeting_is_the_first_word_of_every_connection(redis_server: RedisServer) -> None:
    """Before anything else is asked, the greeting is answered; and again when the connection had to be made anew."""
    answers: list[Reply] = []
    link = RedisLink(
        redis_server.url,
        Scripts.load(),
        deadline_s=10,
        greeting=lambda: ("ECHO", f"hello {len(answers)}"),
        greeted=answers.append,
    )
    await link.exchange([("ECHO", "one")])
    await link.exchange([("ECHO", "two")])
    redis_server.client.client_kill_filter(_type="normal", skipme=True)
    await link.exchange([("ECHO", "three")])
    await link.close()

    assert answers == [b"hello 0", b"hello 1"]


async def test_a_greeting_that_is_not_accepted_ends_the_conversation(redis_server: RedisServer) -> None:
    """Whoever hears the greeting's answer may have no conversation: the error is the exchange's."""

    def greeted(reply: Reply) -> None:
        assert isinstance(reply, StoreError)
        raise reply

    link = RedisLink(
        redis_server.url, Scripts.load(), deadline_s=10, greeting=lambda: ("NO-SUCH-COMMAND",), greeted=greeted
    )
    with pytest.raises(StoreError, match="ERR"):
        await link.exchange([("ECHO", "one")])
    await link.close()


async def test_an_answer_nobody_waited_for_is_not_taken_for_the_next() -> None:
    """An exchange that was given up leaves no reply behind for the one after it."""
    with running_redis() as server:
        link = RedisLink(server.url, Scripts.load(), deadline_s=10)
        await link.exchange([("ECHO", "warm")])
        with server.paused():
            given_up = asyncio.get_running_loop().create_task(link.exchange([("ECHO", "one"), ("ECHO", "two")]))
            await asyncio.sleep(0.01)
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
        reply = await link.exchange([("ECHO", "three")])
        await link.close()

    assert reply == [b"three"]


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (exceptions.BusyLoadingError("Redis is loading the dataset in memory"), True),
        (exceptions.ReadOnlyError("You can't write against a read only replica."), True),
        (exceptions.OutOfMemoryError("command not allowed"), True),
        (exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots"), True),
        (exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."), True),
        (exceptions.ResponseError("BUSY Redis is busy running a script."), True),
        (exceptions.ConnectionError("Connection closed by server."), True),
        (ConnectionResetError(104, "reset"), True),
        (TimeoutError(), True),
        (exceptions.AuthenticationError("invalid username-password pair"), False),
        (exceptions.NoPermissionError("this user has no permissions"), False),
        (exceptions.ResponseError("WRONGTYPE Operation against a key"), False),
        (exceptions.ResponseError("ERR unknown command"), False),
        (exceptions.InvalidResponse("protocol error"), False),
        (ValueError("anything else"), False),
    ],
)
def test_each_error_says_whether_to_try_again(error: Exception, transient: bool) -> None:
    """What may pass by itself is told from what somebody must put right."""
    assert store_error(error).transient is transient
