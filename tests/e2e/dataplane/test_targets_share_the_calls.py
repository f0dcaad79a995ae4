"""Several targets: calls are shared by weight, a lower tier helps out, a bad target is set aside and comes back."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from sluice_contract.snapshot import Health, Model, Retry, Snapshot
from support.process import Fleet, PlaneProcess, fleet
from support.scenes import chat, one_provider, provider, served, target
from support.upstream import Fault, ScriptedUpstream
from support.waiting import until

PATH = "/v1/chat/completions"
EJECTION_MS = 1_000


@dataclass
class Providers:
    """Three providers; a target of a model is called as its provider is."""

    first: ScriptedUpstream
    second: ScriptedUpstream
    spare: ScriptedUpstream

    def world(self, *models: Model) -> Snapshot:
        """*models* on these providers."""
        upstreams = tuple(provider(each.base_url, name) for name, each in vars(self).items())
        return one_provider("", *models, upstreams=upstreams)

    @property
    def calls(self) -> dict[str, int]:
        """How many calls each got."""
        return {name: len(each.seen) for name, each in vars(self).items()}


@pytest.fixture
async def providers() -> AsyncIterator[Providers]:
    """All three, well."""
    async with ScriptedUpstream() as first, ScriptedUpstream() as second, ScriptedUpstream() as spare:
        yield Providers(first, second, spare)


async def burst(planes: Fleet, count: int) -> Counter[int]:
    """The statuses of *count* calls, ten at a time."""
    statuses: Counter[int] = Counter()
    for _ in range(count // 10):
        answers = await asyncio.gather(*(planes[0].post(PATH, chat()) for _ in range(10)))
        statuses.update(answer.status_code for answer in answers)
    return statuses


async def health_of(plane: PlaneProcess, name: str) -> str:
    """What /targets says of the target *name* of the only model."""
    shown = (await plane.admin.get("/targets")).json()
    return str(shown["uid-chat"][name]["reason"])


async def test_calls_are_shared_by_weight(
    tmp_path: Path, providers: Providers, figure: Callable[[str, object], None]
) -> None:
    """Weights 3 and 1 share four hundred calls as three to one; a lower tier gets none while the upper one serves."""
    model = served("chat", target("first", weight=3), target("second", weight=1), target("spare", priority=1))
    async with fleet(tmp_path, providers.world(model)) as planes:
        statuses = await burst(planes, 400)

    # Four standard deviations of a draw of 400 at 3/4: one run in sixteen thousand lies outside.
    assert statuses == {200: 400}
    assert abs(providers.calls["first"] - 300) <= 35
    assert providers.calls["spare"] == 0
    figure("400 calls at weights 3:1", f"{providers.calls['first']}:{providers.calls['second']}")


async def test_a_bad_target_is_set_aside_and_comes_back(
    tmp_path: Path, providers: Providers, figure: Callable[[str, object], None]
) -> None:
    """After three failures in a row a target gets no calls for its ejection, and is tried again after it."""
    model = served(
        "chat",
        target("first"),
        target("second", priority=1),
        health=Health(consecutive_failures=3, ejection_ms=EJECTION_MS, max_ejected_percent=50),
        retry=Retry(attempts=1),
    )
    providers.first.models["chat"] = Fault(status=500)
    async with fleet(tmp_path, providers.world(model)) as planes:
        statuses = await burst(planes, 10)
        shown = await health_of(planes[0], "first")
        failed = providers.calls["first"]
        statuses += await burst(planes, 50)
        assert statuses == {200: 60}
        assert (shown, providers.calls["first"]) == ("Ejected", failed)

        providers.first.models.clear()
        await until(lambda: _answered_by(planes, providers.first), why="the ejected target did not come back")
        assert await health_of(planes[0], "first") == "OK"
    figure("calls that a target with three failures still got", failed)


@pytest.mark.parametrize(("fault", "stream"), [("garbage", False), ("html", False), ("no-done", True)])
async def test_a_target_whose_answers_are_none_is_set_aside(
    tmp_path: Path, providers: Providers, fault: str, stream: bool
) -> None:
    """A status of 200 is no sign of health where no answer follows it."""
    model = served(
        "chat",
        target("first", model=f"fault-{fault}"),
        target("second", priority=1),
        health=Health(consecutive_failures=3, ejection_ms=60_000),
    )
    async with fleet(tmp_path, providers.world(model)) as planes:
        for _ in range(6):
            await planes[0].post(PATH, chat(stream=stream))
        shown = await health_of(planes[0], "first")

    assert shown == "Ejected"
    assert providers.calls == {"first": 3, "second": 3, "spare": 0}


async def test_a_target_that_asks_for_rest_gets_it(tmp_path: Path, providers: Providers) -> None:
    """429 with Retry-After keeps a target out for that long, without counting as a failure."""
    model = served("chat", target("first"), target("second", priority=1))
    providers.first.queue(Fault(status=429, headers={"retry-after": "1"}))
    async with fleet(tmp_path, providers.world(model)) as planes:
        assert (await burst(planes, 10)) == {200: 10}
        assert await health_of(planes[0], "first") == "Resting"
        asked = providers.calls["first"]
        assert (await burst(planes, 20)) == {200: 20}
        assert providers.calls["first"] == asked
        await until(lambda: _answered_by(planes, providers.first), why="the resting target did not come back")


async def test_a_full_target_lets_the_next_serve(tmp_path: Path, providers: Providers) -> None:
    """A maxConcurrency of 2 sends two of six calls at once to a target and the rest to the next tier."""
    model = served("chat", target("first", max_concurrency=2), target("second", priority=1))
    for each in (providers.first, providers.second):
        each.models["chat"] = Fault(first_byte_ms=500)
    async with fleet(tmp_path, providers.world(model)) as planes:
        answers = await asyncio.gather(*(planes[0].post(PATH, chat()) for _ in range(6)))

    assert {answer.status_code for answer in answers} == {200}
    assert providers.calls == {"first": 2, "second": 4, "spare": 0}


async def test_when_all_fail_the_last_error_is_told(tmp_path: Path, providers: Providers) -> None:
    """With every target down the client gets one error, after no more attempts than the model allows."""
    model = served("chat", target("first"), target("second", priority=1), retry=Retry(attempts=2))
    for each in (providers.first, providers.second):
        each.models["chat"] = Fault(status=500)
    async with fleet(tmp_path, providers.world(model)) as planes:
        answer: httpx.Response = await planes[0].post(PATH, chat())

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert sum(providers.calls.values()) == 3


async def _answered_by(planes: Fleet, upstream: ScriptedUpstream) -> bool:
    before = len(upstream.bill)
    await planes[0].post(PATH, chat())
    return len(upstream.bill) > before
