"""What is under the keys of Redis: ours alone, whole or not at all, and forgotten in time."""

from typing import Any

import pytest

from sluice_contract import names
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.store import Account, Charge, Entry, Held, KeyUsage
from support.redis import RedisServer, running_redis
from support.stores import SOURCE, account, charge, end, greet, rate, redis_store, running, slot, start_ms, take

USAGE = KeyUsage("vk", "2026-09", 1, 1, 1, 30, 1)
KEYS = {
    "bucket": names.bucket("vk", "Requests", 60_000),
    "slots": names.slots("vk"),
    "account": account("a"),
    "usage": names.key_usage("vk", "2026-09"),
    "hold": names.hold("h"),
    "stream": names.USAGE_STREAM,
    "marks": names.APPLIED,
    "deadlines": names.HOLDS,
}
INDEXES = {"accounts": names.ACCOUNTS, "usages": names.USAGES}


async def _figures(store: RedisStore, name: str = "a") -> Account:
    return (await store.accounts([account(name)]))[0]


def _contents(server: RedisServer) -> dict[bytes, Any]:
    return {key: server.client.dump(key) for key in server.client.scan_iter()}


@pytest.mark.parametrize("broken", ["bucket", "slots", "account", "hold", "deadlines"])
async def test_a_key_of_the_wrong_type_refuses_the_call_whole(
    store: RedisStore, redis_server: RedisServer, broken: str
) -> None:
    """Somebody else's value under one of our keys: the call fails for good, before anything is written."""
    redis_server.client.lpush(KEYS[broken], "x")
    before = _contents(redis_server)
    with pytest.raises(StoreError, match="WRONGTYPE") as caught:
        await store.reserve(take("h", rate(), slot(1), charge(100, name="first"), charge(100)))

    assert not caught.value.transient
    assert _contents(redis_server) == before
    assert store.available


@pytest.mark.parametrize("broken", ["accounts", "usages"])
async def test_a_spoilt_index_refuses_what_would_be_added_to_it(
    store: RedisStore, redis_server: RedisServer, broken: str
) -> None:
    """What cannot be listed is not written: a checkpoint would miss it."""
    redis_server.client.lpush(INDEXES[broken], "x")
    before = _contents(redis_server)
    if broken == "accounts":
        with pytest.raises(StoreError, match="WRONGTYPE"):
            await store.reserve(take("h", rate(), charge(100)))
    (error,) = await store.apply(SOURCE, [Entry(1, end(take("lost", rate(9), charge(100)), 30, usage=USAGE))])

    assert "WRONGTYPE" in str(error)
    assert _contents(redis_server) == before


@pytest.mark.parametrize("broken", list(KEYS))
async def test_a_settlement_that_is_refused_can_be_repeated(
    store: RedisStore, redis_server: RedisServer, broken: str
) -> None:
    """A settlement that meets somebody else's value changes nothing, and counts once when the value is gone."""
    settlement = end(take("h", rate(9), slot(1), charge(100)), 30, used=(5,), usage=USAGE)
    entry, key = Entry(1, settlement, b'{"id":"h"}'), KEYS[broken]
    await store.reserve(settlement.reservation)
    kept = redis_server.client.dump(key)
    redis_server.client.delete(key)
    redis_server.client.lpush(key, "x")
    before = _contents(redis_server)
    (error,) = await store.apply(SOURCE, [entry])
    after = _contents(redis_server)
    redis_server.client.delete(key)
    if kept is not None:
        redis_server.client.restore(key, 0, kept)
    again = [await store.apply(SOURCE, [entry]) for _ in range(2)]

    assert error is not None
    assert "WRONGTYPE" in str(error)
    assert not error.transient
    assert before == after
    assert again == [(None,), (None,)]
    assert await _figures(store) == Account(30, 0, 0)
    assert redis_server.client.hget(KEYS["usage"], "requests") == b"1"
    assert redis_server.client.xlen(names.USAGE_STREAM) == 1
    assert isinstance(await store.reserve(take("i", slot(1))), Held)


@pytest.mark.parametrize("value", ["", "x", "1.5", "0x10", "99999999999999999999", "-"])
@pytest.mark.parametrize("field", ["posted", "held", "orphaned"])
async def test_garbage_in_an_account_is_refused_whole(
    store: RedisStore, redis_server: RedisServer, field: str, value: str
) -> None:
    """A figure that is no whole number refuses every call that needs that account, for good, and is never guessed."""
    reservation = take("h", charge(10, name="first"), charge(10))
    redis_server.client.hset(account("a"), mapping={"posted": "1", "held": "1", "orphaned": "1", field: value})
    before = _contents(redis_server)
    with pytest.raises(StoreError) as caught:
        await store.reserve(reservation)
    with pytest.raises(StoreError) as read:
        await store.accounts([account("a")])

    assert not caught.value.transient
    assert not read.value.transient
    assert _contents(redis_server) == before


@pytest.mark.parametrize(
    ("broken", "field"),
    [("account", "posted"), ("account", "held"), ("usage", "cost"), ("usage", "last_ms"), ("hold", KEYS["account"])],
)
async def test_a_settlement_that_meets_garbage_changes_nothing(
    store: RedisStore, redis_server: RedisServer, broken: str, field: str
) -> None:
    """A settlement does not go on with what somebody else wrote into a hash of ours."""
    settlement = end(take("h", rate(9), slot(1), charge(100)), 30, used=(5,), usage=USAGE)
    await store.reserve(settlement.reservation)
    redis_server.client.hset(KEYS[broken], field, "many")
    before = _contents(redis_server)
    (error,) = await store.apply(SOURCE, [Entry(1, settlement)])

    assert error is not None
    assert not error.transient
    assert _contents(redis_server) == before


async def test_one_spoilt_account_is_nobody_elses_trouble(store: RedisStore, redis_server: RedisServer) -> None:
    """Calls that do not need a spoilt account are held, settled, extended and reaped as ever; the store is not away."""
    bad, good = take("bad", charge(10, name="bad"), ttl_ms=0), take("good", charge(10), ttl_ms=0)
    await store.reserve(bad)
    await store.reserve(good)
    redis_server.client.delete(account("bad"))
    redis_server.client.lpush(account("bad"), "x")
    reaped = await store.reap()
    for _ in range(10):
        with pytest.raises(StoreError):
            await store.reserve(take("more", charge(1, name="bad")))
    errors = await store.apply(SOURCE, [Entry(1, end(bad, 1)), Entry(2, end(good, 2))])

    assert reaped == 2
    assert store.available
    assert [error is None for error in errors] == [False, True]
    assert await _figures(store) == Account(2, 0, 0)
    assert isinstance(await store.reserve(take("i", charge(998))), Held)


async def test_a_spoilt_hold_is_looked_at_again_later(store: RedisStore, redis_server: RedisServer) -> None:
    """The reaper is not held up by holds it cannot read: a hundred of them do not keep it from the rest."""
    for n in range(100):
        await store.reserve(take(f"bad{n}", charge(1, name="other"), ttl_ms=0))
        redis_server.client.set(names.hold(f"bad{n}"), "x")
    await store.reserve(take("good", charge(10), ttl_ms=1))
    while (await _figures(store)).orphaned == 0:
        await store.reap()

    assert await _figures(store) == Account(0, 0, 10)
    assert redis_server.client.zcard(names.HOLDS) == 100


async def test_a_spoilt_hold_holds_up_no_others_extension(store: RedisStore, redis_server: RedisServer) -> None:
    """Of many holds that are extended together, one that cannot be read is left out."""
    await store.reserve(take("good", charge(1), ttl_ms=0))
    redis_server.client.set(names.hold("bad"), "x")
    unknown = await store.extend(SOURCE, ["bad", "good", "gone"], 60_000)

    assert unknown == ("gone",)
    assert await store.reap() == 0


async def test_every_key_is_ours_and_what_is_of_one_call_expires(store: RedisStore, redis_server: RedisServer) -> None:
    """All carry the one hash tag; all but what tells of the store as a whole have an end."""
    reservation = take("h", rate(9), slot(5), charge(100))
    await store.reserve(reservation)
    await store.reserve(take("i", rate(9), slot(5), charge(100)))
    await store.reserve(take("late", charge(1), ttl_ms=0))
    await store.reap()
    await store.apply(SOURCE, [Entry(2, end(reservation, 30, used=(5,), usage=USAGE), b"{}")])
    keys = redis_server.client.keys("*")
    lasting = {key.decode() for key in keys if redis_server.client.pttl(key) < 0}

    assert all(key.startswith(b"{sluice}:") for key in keys)
    whole = {names.STORE, names.HOLDS, names.ORPHANS, names.APPLIED, names.BEATS, names.ACCOUNTS, names.USAGES}
    assert lasting == {*whole, names.USAGE_STREAM, names.holes(SOURCE)}
    assert redis_server.client.pttl(KEYS["usage"]) > 399 * 86_400_000


async def test_an_account_that_expired_stays_gone(store: RedisStore, redis_server: RedisServer) -> None:
    """A settlement, or an orphan, of an account that may be forgotten does not bring it back to life."""
    past = Charge(account("a"), 100, 1_000, start_ms() - 1)
    await store.reserve(take("h", past, ttl_ms=0))
    await store.reserve(take("i", past, ttl_ms=60_000))
    await store.reap()
    after_reaping = redis_server.client.exists(account("a"))
    await store.apply(SOURCE, [Entry(1, end(take("i", past), 30))])

    assert (after_reaping, redis_server.client.exists(account("a"))) == (0, 0)


async def test_an_account_lives_as_long_as_any_call_on_it_says(store: RedisStore, redis_server: RedisServer) -> None:
    """An older settlement that is told again does not end an account that rolls on."""
    now_ms = start_ms()
    new = Charge(account("a"), 100, 1_000, now_ms + 60_000, bucket=9)
    old = Charge(account("a"), 100, 1_000, now_ms - 60_000, bucket=3)
    await store.reserve(take("h", new))
    await store.apply(SOURCE, [Entry(1, end(take("h", new), 30)), Entry(2, end(take("lost", old), 7))])

    assert await _figures(store) == Account(37, 0, 0)


async def test_what_was_forgotten_leaves_the_indexes(store: RedisStore, redis_server: RedisServer) -> None:
    """The lists of accounts, of usages and of orphans do not grow for ever."""
    past = Charge(account("gone"), 1, 1_000, start_ms() - 1)
    await store.reserve(take("h", past, charge(1), ttl_ms=0))
    await store.reap()
    redis_server.client.delete(names.hold("h"))
    redis_server.client.zadd(names.USAGES, {names.key_usage("old", "2020-01"): 1})
    await store.reap()

    assert redis_server.client.zrange(names.ACCOUNTS, 0, -1) == [account("a").encode()]
    assert redis_server.client.exists(names.USAGES, names.ORPHANS) == 0


async def test_of_a_hold_that_ended_only_that_is_kept(store: RedisStore, redis_server: RedisServer) -> None:
    """What it took is forgotten at once, that it ended after ten minutes: memory is for calls that run."""
    await store.reserve(take("h", rate(9), slot(5), charge(100)))
    await store.apply(SOURCE, [Entry(1, end(take("h", rate(9), slot(5), charge(100)), 30))])

    assert redis_server.client.hgetall(names.hold("h")) == {b"state": b"settled"}
    assert 590_000 < redis_server.client.pttl(names.hold("h")) <= 600_000


async def test_an_orphan_that_was_settled_is_none_any_more(store: RedisStore, redis_server: RedisServer) -> None:
    """Holds that nobody settled are listed until somebody does."""
    late = [take(f"h{n}", charge(1), ttl_ms=0) for n in range(2)]
    for reservation in late:
        await store.reserve(reservation)
    await store.reap()
    listed = redis_server.client.zcard(names.ORPHANS)
    await store.apply(SOURCE, [Entry(1, end(late[0], 1))])

    assert listed == 2
    assert redis_server.client.zrange(names.ORPHANS, 0, -1) == [b"h1"]


async def test_a_lost_account_is_not_given_back_what_it_lost(store: RedisStore, redis_server: RedisServer) -> None:
    """When an account is gone and its hold is not, the settlement posts what was spent and nothing goes below zero."""
    reservation = take("h", charge(100))
    await store.reserve(reservation)
    redis_server.client.delete(account("a"))
    await store.apply(SOURCE, [Entry(1, end(reservation, 30))])

    assert await _figures(store) == Account(30, 0, 0)


async def test_records_are_streamed_once_and_a_bounded_number_is_kept() -> None:
    """Each settlement's record is in the stream as it is, once; old ones make room; without room none is written."""
    with running_redis(stream_node_max_entries="10") as server:
        async with running(redis_store(server, records_kept=20)) as store:
            await greet(store, server)
            for n in range(1, 101):
                entry = Entry(n, end(take(f"h{n}")), f'{{"n":{n}}}'.encode())
                await store.apply(SOURCE, [entry, entry])
            found = [fields[b"record"] for _, fields in server.client.xrange(names.USAGE_STREAM)]
        server.client.flushall()
        async with running(redis_store(server, records_kept=0)) as store:
            await greet(store, server)
            await store.apply(SOURCE, [Entry(1, end(take("h")), b"{}")])

        assert 20 <= len(found) < 40
        assert found == [f'{{"n":{n}}}'.encode() for n in range(101 - len(found), 101)]
        assert server.client.exists(names.USAGE_STREAM) == 0


async def test_a_settlement_without_a_record_writes_none(store: RedisStore, redis_server: RedisServer) -> None:
    """A void has no record."""
    await store.apply(SOURCE, [Entry(1, end(take("h")))])

    assert redis_server.client.exists(names.USAGE_STREAM) == 0
