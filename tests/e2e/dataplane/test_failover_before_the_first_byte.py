"""A target that fails before its first byte is no client's business: the next one answers."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sluice_contract.snapshot import Health, Timeouts
from support.process import Fleet, fleet
from support.scenes import chat, one_provider, provider, served, target
from support.upstream import PRESETS, ScriptedUpstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
HASTY = Timeouts(request_ms=20_000, first_token_ms=300, between_tokens_ms=300)


class Bench:
    """One data plane, whose models ``over-<fault>`` have a first target with that fault and a second one without."""

    def __init__(self, planes: Fleet, first: ScriptedUpstream, second: ScriptedUpstream) -> None:
        self._planes = planes
        self._upstreams = (first, second)

    async def call(self, fault: str, *, stream: bool = False) -> tuple[int, str, tuple[int, int]]:
        """Status and text of one call, and how many calls each of the two targets got for it."""
        before = [len(upstream.seen) for upstream in self._upstreams]
        body = chat("hello there, this is a text of some length", f"over-{fault}", stream=stream)
        answer = await self._planes[0].post(PATH, body)
        first, second = (len(upstream.seen) - n for upstream, n in zip(self._upstreams, before, strict=True))
        return answer.status_code, answer.text, (first, second)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One for all faults."""
    well = Health(consecutive_failures=1_000_000)
    async with ScriptedUpstream() as first, ScriptedUpstream() as second:
        models = [
            served(
                f"over-{fault}",
                target("first", model=f"fault-{fault}"),
                target("second", model="chat", priority=1),
                health=well,
                timeouts=HASTY,
            )
            for fault in PRESETS
        ]
        upstreams = (provider(first.base_url, "first"), provider(second.base_url, "second"))
        world = one_provider("", *models, upstreams=upstreams)
        async with fleet(tmp_path_factory.mktemp("failover"), world) as planes:
            yield Bench(planes, first, second)


@pytest.mark.parametrize(
    ("fault", "stream"),
    [
        *((fault, False) for fault in ("500", "503", "reset", "gzip")),
        *((fault, True) for fault in ("500", "503", "429", "reset", "gzip", "stall", "slow")),
    ],
)
async def test_the_next_target_answers(bench: Bench, fault: str, stream: bool) -> None:
    """The client sees one good answer, and the failed target was asked once (a dropped kept connection is redone)."""
    status, text, (first, second) = await bench.call(fault, stream=stream)

    assert status == 200
    assert "hello" in text
    assert first in ((1, 2) if fault == "reset" else (1,))
    assert second == 1


@pytest.mark.parametrize(("fault", "status"), [("400", 400), ("401", 502), ("redirect", 502)])
async def test_what_no_other_target_would_mend_is_not_retried(bench: Bench, fault: str, status: int) -> None:
    """A wrong request, a credential that is refused and a redirect are told at once; nobody else is asked."""
    told, _, asked = await bench.call(fault)

    assert (told, asked) == (status, (1, 0))


@pytest.mark.parametrize("fault", ["reset-midstream", "stall-midstream", "no-done"])
async def test_nothing_is_retried_after_the_first_byte(bench: Bench, fault: str) -> None:
    """A stream that broke is not begun anew elsewhere: the client would get two answers in one."""
    _, text, asked = await bench.call(fault, stream=True)

    assert '"upstream_' in text
    assert asked == (1, 0)
