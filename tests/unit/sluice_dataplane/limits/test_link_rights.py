"""Users of few rights, as the reference shows them: enough for everything that is done, and no more."""

import re
from pathlib import Path
from typing import Any

from sluice_contract import names
from sluice_dataplane import limits
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.store import Checkpoint, Entry, Held, KeyUsage
from sluice_operator.spend import Question, RedisSpend
from support.redis import RedisServer, running_redis
from support.redis_cluster import running_cluster
from support.redis_sentinel import running_sentinels
from support.stores import account, charge, end, greet, rate, redis_store, running, slot, take
from support.waiting import until

PAGE = (Path(__file__).parents[4] / "docs" / "reference" / "redis.md").read_text()
SOURCE = "3f0c1c1e-0000-4000-8000-000000000001"


def _rules(user: str) -> list[str]:
    """What the page says of *user*, for ACL SETUSER."""
    (line,) = re.findall(rf"^user ({user} .*)$", PAGE, re.MULTILINE)
    return str(line).split()


def _let_in(server: RedisServer, user: str, *more: str) -> str:
    """Make *user*; the server's URL for it."""
    server.client.execute_command("ACL", "SETUSER", *_rules(user), *more)
    return server.url.replace("redis://", f"redis://{user}:password@")


async def _everything(store: RedisStore, server: RedisServer) -> None:
    """Whatever a store can be asked; raises StoreError for the first that is refused."""
    usage = KeyUsage("vk", "2026-09", 1, 1, 1, 30, 1)
    first = take("h", rate(9), slot(5), charge(100), charge(7, name="r"))
    await greet(store, server, SOURCE)
    assert isinstance(await store.reserve(first, source=SOURCE), Held)
    assert await store.extend(SOURCE, ["h", "unknown"], 60_000) == ("unknown",)
    await store.reserve(take("late", slot(5), charge(1), ttl_ms=0), source=SOURCE)
    assert await store.reap() == 1
    later = Entry(3, end(first, 30, 5, used=(5,), usage=usage), b"{}")
    assert await store.apply(SOURCE, [later, Entry(1, end(take("late", slot(5), charge(1)), 1))]) == (None, None)
    assert (await store.accounts([account("a")]))[0].posted > 0
    kept = await store.checkpoint()
    assert isinstance(kept, Checkpoint)
    server.client.flushall()
    assert (await store.hello(SOURCE)).fenced
    assert await store.restore(kept)
    await store.hello(SOURCE)
    await store.reserve(take("again", charge(1)), source=SOURCE, forced=True)
    await store.caught_up(SOURCE)


async def test_the_data_plane_needs_no_more_than_the_page_says() -> None:
    """With the rights of the reference everything works, and nothing was denied on the way."""
    with running_redis() as server:
        server.url = _let_in(server, "sluice-dataplane")
        async with running(redis_store(server)) as store:
            await _everything(store, server)
        denied = [entry["reason"] for entry in server.client.acl_log() if "client|setname" not in str(entry["object"])]

    assert denied == []


def test_the_page_has_every_command_of_the_scripts_and_no_other(redis_server: RedisServer) -> None:
    """What the page allows is what the scripts say, and what the link and the store say outside of them."""
    known = {name.decode() for name in redis_server.client.command_list()}
    texts = [script.read_text() for script in Path(str(limits.__file__)).parent.glob("*.lua")]
    said = {word.lower() for text in texts for word in re.findall(r"['\"]([A-Z]+)['\"]", text)} & known
    allowed = {rule.removeprefix("+") for rule in _rules("sluice-dataplane") if rule.startswith("+")}

    assert allowed == said | {"evalsha", "script|load", "hget", "hgetall"}


async def test_other_keys_are_not_touched() -> None:
    """The user cannot reach what is not ours, nor change its own rights."""
    with running_redis() as server:
        _let_in(server, "sluice-dataplane")
        refusals: list[Any] = [
            server.client.execute_command("ACL", "DRYRUN", "sluice-dataplane", *command)
            for command in (("GET", "other"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("KEYS", "*"), ("ACL", "WHOAMI"))
        ]

    assert all(refusal != b"OK" for refusal in refusals)


async def test_the_operator_reads_and_writes_nothing() -> None:
    """With the rights of the reference spend is read, and nothing can be written."""
    user = names.account("b", "w", "u1")
    with running_redis() as server:
        server.client.hset(user, "posted", 5)
        server.client.zadd(names.ACCOUNTS, {user: 1})
        async with running(redis_store(server)) as store:
            await greet(store, server, SOURCE)
        async with RedisSpend(_let_in(server, "sluice-operator")) as spend:
            answer = await spend.read(Question((), "2026-09", ("vk",), (names.account("b", "w", "u"),)))
        refused = server.client.execute_command("ACL", "DRYRUN", "sluice-operator", "HSET", user, "posted", 0)

    assert answer.accounts[user].posted == 5
    assert refused != b"OK"


async def test_a_cluster_and_sentinels_need_what_the_page_says() -> None:
    """With the few rights more that the page names, owners and masters are found, by both programs."""
    with running_cluster() as cluster, running_sentinels() as watched:
        await until(cluster.ready, seconds=40)
        await until(watched.ready, seconds=40)
        for server in (*cluster.nodes, watched.master):
            _let_in(server, "sluice-dataplane", "+cluster|slots", "+role")
            _let_in(server, "sluice-operator", "+cluster|slots", "+command", "+role")
        for sentinel in watched.sentinels:
            rules = ["on", "nopass", "-@all", "+sentinel|get-master-addr-by-name"]
            sentinel.client.execute_command("ACL", "SETUSER", "plane", *rules)
            sentinel.client.execute_command("ACL", "SETUSER", "reader", *rules, "+sentinel|master", "+sentinel|masters")
        cluster_url = cluster.url.replace("://", "://{user}:password@")
        sentinel_url = watched.url(login="{user}:password@", query="sentinel_username={sentinel}&sentinel_password=x")
        for url, server in ((cluster_url, cluster.owner), (sentinel_url, watched.master)):
            server.url = url.format(user="sluice-dataplane", sentinel="plane")
            async with running(redis_store(server)) as store:
                await greet(store, server, SOURCE)
            async with RedisSpend(url.format(user="sluice-operator", sentinel="reader")) as spend:
                assert (await spend.read(Question((account("a"),)))).accounts == {}
