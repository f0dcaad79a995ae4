"""The conversation itself, with a real Redis at the other end."""

import asyncio
import socket
import ssl

import pytest

from sluice_contract.errors import RedisUrlInvalidError
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.batcher import Reply
from sluice_dataplane.limits.link import RedisLink, store_error
from sluice_dataplane.limits.link_route import NowhereError
from sluice_dataplane.limits.link_wire import LostError, ReplyError
from sluice_dataplane.limits.scripts import Scripts
from support.redis import RedisServer, free_port, running_redis
from support.waiting import until


def _link(url: str) -> RedisLink:
    return RedisLink(url, Scripts.load(), deadline_s=10)


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
    """Whoever hears the greeting's answer may have no conversation: the error is the exchange's, nothing was asked."""
    redis_server.client.flushall()

    def greeted(reply: Reply) -> None:
        assert isinstance(reply, StoreError)
        raise reply

    link = RedisLink(
        redis_server.url, Scripts.load(), deadline_s=10, greeting=lambda: ("NO-SUCH-COMMAND",), greeted=greeted
    )
    for _ in range(2):
        with pytest.raises(StoreError, match="ERR"):
            await link.exchange([("INCR", "n")])
    await link.close()

    assert redis_server.client.get("n") is None


async def test_an_answer_nobody_waited_for_is_not_taken_for_the_next() -> None:
    """An exchange that was given up leaves no reply behind for the one after it, also while Redis is still silent."""
    loop = asyncio.get_running_loop()
    with running_redis() as server:
        link = _link(server.url)
        await link.exchange([("ECHO", "warm")])
        with server.paused():
            given_up = loop.create_task(link.exchange([("ECHO", "one")]))
            await asyncio.sleep(0.01)
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
            asking = loop.create_task(link.exchange([("ECHO", "two")]))
            await asyncio.sleep(0.01)
        reply = await asking
        await link.close()

    assert reply == [b"two"]


async def test_scripts_that_were_forgotten_are_loaded_and_only_what_met_that_is_asked_again(
    redis_server: RedisServer,
) -> None:
    """What was answered is not asked twice; what was not understood is, within the same exchange."""
    redis_server.client.flushall()
    link = _link(redis_server.url)
    script = Scripts.load().all()[0]
    await link.exchange([])
    redis_server.client.script_flush()
    counted, met = await link.exchange([("INCR", "n"), ("EVALSHA", script.sha, 0)])
    known = redis_server.client.script_exists(*(script.sha for script in Scripts.load().all()))
    await link.close()

    assert counted == 1
    assert not isinstance(met, StoreError) or "NOSCRIPT" not in str(met)
    assert all(known)


async def test_a_script_that_nobody_has_is_an_error_and_not_a_loop(redis_server: RedisServer) -> None:
    """A digest that loading does not mend is asked for a bounded number of times."""
    link = _link(redis_server.url)
    first, second = await link.exchange([("EVALSHA", "f" * 40, 0), ("ECHO", "well")])
    await link.close()

    assert isinstance(first, StoreError)
    assert second == b"well"


async def test_a_connection_cut_while_idle_is_not_noticed(redis_server: RedisServer) -> None:
    """When Redis, or something between, closed the connection, the next exchange makes a new one."""
    link = _link(redis_server.url)
    await link.exchange([("ECHO", "one")])
    redis_server.client.client_kill_filter(_type="normal", skipme=True)

    assert await link.exchange([("ECHO", "two")]) == [b"two"]
    await link.close()


async def test_the_database_of_the_url_is_used(redis_server: RedisServer) -> None:
    """A number behind the host selects a database."""
    redis_server.client.flushall()
    link = _link(redis_server.url.replace("/0", "/3"))
    await link.exchange([("SET", "here", "1")])
    info = redis_server.client.info("keyspace")
    await link.close()

    assert list(info) == ["db3"]


async def test_connections_have_a_name(redis_server: RedisServer) -> None:
    """CLIENT LIST tells who we are, as the URL says or by a name of our own."""
    links = [_link(redis_server.url), _link(f"{redis_server.url}?client_name=mine")]
    for link in links:
        await link.exchange([])
    known = {client["name"] for client in redis_server.client.client_list()}
    for link in links:
        await link.close()

    assert {"sluice-dataplane", "mine"} <= known


@pytest.mark.parametrize("login", ["", ":swordfish@", "nobody:swordfish@"])
async def test_a_password_that_is_refused_is_a_lasting_error(login: str) -> None:
    """No password, a wrong one, an unknown user: another try does not help, and no part of it is in the error."""
    with running_redis(requirepass="hunter2") as server:
        link = _link(server.url.replace(":hunter2@", login))
        with pytest.raises(StoreError, match=r"NOAUTH|WRONGPASS") as caught:
            await link.exchange([("PING",)])
        await link.close()

    assert not caught.value.transient
    assert "swordfish" not in str(caught.value)
    assert "nobody" not in str(caught.value)


async def test_a_password_that_was_changed_is_told_at_the_next_connection() -> None:
    """A connection that stands goes on; a new one is refused for good, until the URL has the new password."""
    with running_redis(requirepass="hunter2") as server:
        link = _link(server.url)
        await link.exchange([("PING",)])
        server.client.config_set("requirepass", "swordfish")
        goes_on = await link.exchange([("PING",)])
        server.client.client_kill_filter(_type="normal", skipme=True)
        errors: list[StoreError] = []
        for _ in range(3):
            with pytest.raises(StoreError, match="WRONGPASS") as caught:
                await link.exchange([("PING",)])
            errors.append(caught.value)
        server.client.config_set("requirepass", "hunter2")

        assert await link.exchange([("PING",)]) == goes_on == [b"PONG"]
        assert not any(error.transient for error in errors)
        await link.close()


async def test_too_many_clients_is_a_passing_error() -> None:
    """A Redis that takes no more connections may take one later."""
    with running_redis(maxclients="1") as server:
        server.client.ping()
        link = _link(server.url)
        with pytest.raises(StoreError) as caught:
            await link.exchange([("PING",)])
        await link.close()

    assert caught.value.transient


async def test_nobody_there_is_a_passing_error_and_nothing_was_done() -> None:
    """With nobody listening nothing can have been sent; neither host nor port nor password is told."""
    port = free_port()
    link = _link(f"redis://user:hunter2@127.0.0.1:{port}/0")
    with pytest.raises(StoreError) as caught:
        await link.exchange([("PING",)])
    await link.close()

    assert (caught.value.transient, caught.value.maybe_done) == (True, False)
    assert not any(secret in str(caught.value) for secret in ("hunter2", "user", "127.0.0.1", str(port)))


async def test_a_connection_lost_in_the_middle_may_have_done_it() -> None:
    """Killed while a command was on its way, and not there any more: nobody knows whether it was done."""
    with running_redis() as server:
        link = _link(server.url)
        await link.exchange([("PING",)])
        with server.paused():
            asking = asyncio.get_running_loop().create_task(link.exchange([("INCR", "n")]))
            await asyncio.sleep(0.01)
            server.kill()
            with pytest.raises(StoreError) as caught:
                await asking
            server.start()
        await link.close()

    assert (caught.value.transient, caught.value.maybe_done) == (True, True)


async def test_a_replica_takes_nothing_and_is_left() -> None:
    """READONLY is a passing error, and the connection is dropped: what the URL names may be somebody else by now."""
    with running_redis() as server:
        link = _link(server.url)
        await link.exchange([("SET", "n", 1)])
        server.client.replicaof("127.0.0.1", "1")
        written, read = await link.exchange([("INCR", "n"), ("GET", "n")])
        await until(lambda: len(server.client.client_list(_type="normal")) == 1)  # the test's own
        server.client.replicaof("NO", "ONE")

        assert isinstance(written, StoreError)
        assert written.transient
        assert read == b"1"
        assert await link.exchange([("INCR", "n")]) == [2]
        await link.close()


async def test_who_answers_nothing_at_all_is_given_up() -> None:
    """A peer that takes the connection and never answers ends the exchange, as something that may pass."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        link = RedisLink(f"redis://127.0.0.1:{silent.getsockname()[1]}", Scripts.load(), deadline_s=0.1)
        with pytest.raises(StoreError) as caught:
            await link.exchange([("PING",)])
        await link.close()

    assert (caught.value.transient, caught.value.maybe_done) == (True, False)


def test_a_url_that_cannot_be_used_is_refused_at_once() -> None:
    """Nothing is connected, and nothing of it quoted."""
    with pytest.raises(RedisUrlInvalidError) as caught:
        _link("redis://:hunter2@/0")

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (ReplyError("LOADING Redis is loading the dataset in memory"), True),
        (ReplyError("READONLY You can't write against a read only replica."), True),
        (ReplyError("OOM command not allowed"), True),
        (ReplyError("MISCONF Redis is configured to save RDB snapshots"), True),
        (ReplyError("NOREPLICAS Not enough good replicas to write."), True),
        (ReplyError("BUSY Redis is busy running a script."), True),
        (ReplyError("TRYAGAIN Multiple keys request during rehashing of slot"), True),
        (ReplyError("ASK 59 127.0.0.1:7000"), True),
        (ReplyError("CLUSTERDOWN The cluster is down"), True),
        (ReplyError("ERR max number of clients reached"), True),
        (ReplyError("ERR Script attempted to access a non local key in a cluster node script: f00"), True),
        (LostError(), True),
        (NowhereError("no Sentinel knows the master"), True),
        (ConnectionResetError(104, "reset"), True),
        (ssl.SSLCertVerificationError("self-signed"), True),
        (TimeoutError(), True),
        (ReplyError("WRONGPASS invalid username-password pair"), False),
        (ReplyError("NOAUTH Authentication required."), False),
        (ReplyError("NOPERM this user has no permissions"), False),
        (ReplyError("WRONGTYPE Operation against a key"), False),
        (ReplyError("ERR unknown command"), False),
        (ValueError("anything else"), False),
    ],
)
def test_each_error_says_whether_to_try_again(error: Exception, transient: bool) -> None:
    """What may pass by itself is told from what somebody must put right; nothing that was answered is quoted."""
    told = store_error(error)

    assert told.transient is transient
    assert not any(word in str(told) for word in ("127.0.0.1", "attempted", "pair", "anything"))
