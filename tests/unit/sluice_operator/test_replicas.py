"""The admin port of a replica, over real HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sluice_operator.errors import SpendUnavailableError
from sluice_operator.replicas import Replicas, ReplicaSpend, ReplicaUnreachableError, Served, TargetState
from sluice_operator.spend import Account, Question, Usage

ADDRESS = "127.0.0.1"


class Admin:
    """Answers of one admin port, by path."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.queries: list[dict[str, str]] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        """What was put there, or 404."""
        self.queries.append(dict(request.query))
        answer = self.answers.get(request.path)
        if answer is None:
            return web.Response(status=404)
        return web.Response(text=answer) if isinstance(answer, str) else web.json_response(answer)


@pytest.fixture
async def admin() -> AsyncIterator[Admin]:
    """A listening admin port."""
    admin = Admin()
    app = web.Application()
    app.add_routes([web.get("/{path}", admin.answer)])
    runner = web.AppRunner(app, handler_cancellation=False)
    await runner.setup()
    await web.TCPSite(runner, ADDRESS, 0).start()
    admin.port = runner.addresses[0][1]
    yield admin
    await runner.cleanup()


@pytest.fixture
async def replicas(admin: Admin) -> AsyncIterator[Replicas]:
    """A client of that port."""
    async with aiohttp.ClientSession() as session:
        yield Replicas(session, admin_port=admin.port)


async def test_the_revision_is_asked_for_with_what_to_wait_for(admin: Admin, replicas: Replicas) -> None:
    """The question names the revision and how long to wait; the answer is what is served."""
    admin.answers["/revision"] = {"revision": "abc", "applied_at_ms": 5, "later": True}

    served = await replicas.revision(ADDRESS, wait="abc", timeout_ms=100)

    assert served == Served("abc", 5)
    assert admin.queries == [{"wait": "abc", "timeout_ms": "100"}]


@pytest.mark.parametrize("answer", ["no json", {"revision": 5}, None])
async def test_any_other_answer_is_none(admin: Admin, replicas: Replicas, answer: Any) -> None:
    """An error status or an answer of another form counts as no answer."""
    admin.answers["/revision"] = answer

    with pytest.raises(ReplicaUnreachableError):
        await replicas.revision(ADDRESS, wait="abc", timeout_ms=100)


async def test_a_replica_that_is_not_there_is_unreachable(replicas: Replicas) -> None:
    """A refused connection is told as such."""
    with pytest.raises(ReplicaUnreachableError, match="/targets"):
        await replicas.targets("127.0.0.99")


async def test_targets_are_by_model_and_name(admin: Admin, replicas: Replicas) -> None:
    """Target states come by the model's uid and the target's name."""
    admin.answers["/targets"] = {"uid-1": {"echo": {"healthy": False, "reason": "Ejected"}}}

    assert await replicas.targets(ADDRESS) == {"uid-1": {"echo": TargetState(healthy=False, reason="Ejected")}}


async def test_the_one_replica_answers_for_the_counters(admin: Admin, replicas: Replicas) -> None:
    """Without Redis a single replica's own counters are the counters; other months are left out."""
    admin.answers["/spend"] = {
        "accounts": {
            "a": {"posted": 1, "held": 2, "orphaned": 3},
            "rolls": {"posted": 9, "held": 0, "orphaned": 0, "buckets": {"7": 5, "8": 4}},
        },
        "keys": {
            "vk1": {"2026-09": {"requests": 1, "input": 2, "output": 3, "cost": 4, "last_ms": 5}},
            "vk2": {"2026-08": {"requests": 9, "input": 9, "output": 9, "cost": 9, "last_ms": 9}},
        },
    }

    answer = await ReplicaSpend(replicas, lambda: [ADDRESS]).read(Question(month="2026-09"))

    assert answer.accounts == {"a": Account(1, 2, 3), "rolls": Account(9, 0, 0, {7: 5, 8: 4})}
    assert answer.keys == {"vk1": Usage(1, 2, 3, 4, 5)}


@pytest.mark.parametrize("addresses", [[], [ADDRESS, "127.0.0.2"]])
async def test_several_replicas_without_redis_know_nothing_together(
    admin: Admin, replicas: Replicas, addresses: list[str]
) -> None:
    """None or several replicas cannot say what was spent: that is unknown, not zero."""
    admin.answers["/spend"] = {}

    with pytest.raises(SpendUnavailableError):
        await ReplicaSpend(replicas, lambda: addresses).read(Question())
