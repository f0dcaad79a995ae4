"""The whole way of a call, on a real ledger: what clients get, and that each is billed once for what it used."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sluice_contract import names
from sluice_contract.snapshot import Price, Rates, Retry, Target, Tariff
from sluice_contract.windows import Period
from sluice_dataplane.config.table import Table
from sluice_dataplane.exchange import Chunks, Principal
from sluice_dataplane.pipeline.amounts import Call
from sluice_dataplane.pipeline.read import read
from sluice_dataplane.pipeline.resolve import resolve
from support.builders import NOW_MS, PRICE, budget, key, model, table, upstream
from support.ledgers import Life
from support.rooms import DONE, RESET, SLOW, Reply, Rooms, Told, answer, event, stream, usage_event
from support.waiting import until

CEILING = 100
OCTOBER_MS = 1_790_812_800_000
ASKED = {"max_tokens": CEILING}
STREAMED = {"max_tokens": CEILING, "stream": True}


PATHS = {"chat": "/c", "count_tokens": "/t", "responses": "/r"}


def world(*budgets: Any, retries: int = 0, price: Price = PRICE, **of_model: Any) -> Table:
    """A key under *budgets* (by default one in money and one in tokens), a model on one target."""
    budgets = budgets or (budget(), budget(id="tok", unit="TotalTokens", amount=10**9))
    the_model = model(
        targets=(Target(name="t", upstream_id="up", price=price),), retry=Retry(attempts=retries), **of_model
    )
    keys, upstreams = (key(budget_ids=tuple(b.id for b in budgets)),), (upstream(paths=PATHS),)
    return table(models=(the_model,), keys=keys, budgets=budgets, upstreams=upstreams)


def settled(rooms: Rooms) -> bool:
    """Nothing is held, and what was posted is what the records say."""
    records = rooms.records()
    spent = sum(record.cost_nusd for record in records) + sum(record.usage.total for record in records)
    return rooms.running() == 0 and rooms.held() == 0 and rooms.posted() == spent


@pytest.mark.parametrize("chunks", range(21))
async def test_a_client_that_resets_after_any_chunk_pays_once_for_what_it_got(tmp_path: Path, chunks: int) -> None:
    """For every k of twenty: one record, at least k tokens, the upstream let go, nothing held."""
    rooms = Rooms(tmp_path, world())
    reply = stream(*[event(f"w{n}") for n in range(20)], usage_event(7, 20), DONE)
    rooms.upstreams.script("up", reply)
    told = await rooms.call(STREAMED)
    await told.read(chunks)
    (record,) = rooms.records()

    assert record.usage.output >= chunks
    assert record.usage.output <= CEILING
    assert (record.outcome, record.status) == ("aborted", 499)
    assert record.flags == ()
    assert reply.closed == 1
    assert settled(rooms)


async def test_a_client_that_got_everything_pays_what_was_reported(tmp_path: Path) -> None:
    """The provider's figures, its service and its price; before [DONE] is out it is all written down."""
    price = Price(
        version="v7",
        input_nusd_per_mtok=1_000_000,
        output_nusd_per_mtok=1_000_000,
        services={"flex": Tariff(rates=Rates(input_nusd_per_mtok=500_000, output_nusd_per_mtok=500_000))},
    )
    rooms = Rooms(tmp_path, world(price=price))
    reported = (
        b'data: {"choices":[],"service_tier":"flex","usage":{"prompt_tokens":10,"completion_tokens":6,"cost":0.5}}\n\n'
    )
    rooms.upstreams.script("up", stream(event("a"), reported, DONE))
    told = await rooms.call(STREAMED)
    assert (await told.read()).endswith(DONE)
    (record,) = rooms.records()

    assert (record.usage.input, record.usage.output, record.cost_nusd) == (10, 6, 8)
    assert (record.service_tier, record.provider_cost_nusd, record.price_version) == ("flex", 500_000_000, "v7")
    assert settled(rooms)


async def test_two_hundred_in_flight_over_the_end_of_a_month(tmp_path: Path) -> None:
    """Each is billed to the window it was admitted in, however late it ends; the new month begins at nothing."""
    rooms = Rooms(tmp_path, world(budget(unit="TotalTokens", amount=10**9)))
    gate = rooms.upstreams.gates["up"] = asyncio.Event()
    rooms.clock.now_ms = OCTOBER_MS - 1
    calls = [asyncio.ensure_future(rooms.call(ASKED)) for _ in range(100)]
    await until(lambda: len(rooms.upstreams.asked) == 100)
    rooms.clock.now_ms = OCTOBER_MS
    assert names.account("bud1", "2026-10", "-") not in rooms.life.ledger.accounts()
    calls += [asyncio.ensure_future(rooms.call(ASKED)) for _ in range(100)]
    await until(lambda: len(rooms.upstreams.asked) == 200)
    gate.set()
    told: list[Told] = await asyncio.gather(*calls)
    accounts = rooms.life.ledger.accounts()

    assert {each.status for each in told} == {200}
    for month in ("2026-09", "2026-10"):
        account = accounts[names.account("bud1", month, "-")]
        assert (account.posted, account.held, account.orphaned) == (100 * 15, 0, 0)
    assert len(rooms.records()) == 200


async def test_a_rolling_window_gives_back_what_is_long_past(tmp_path: Path) -> None:
    """A Budget for one call a minute: the second waits until a whole minute is over, and is told when to ask."""
    rolling = budget(unit="Requests", amount=1, period=Period(rolling_ms=60_000))
    rooms = Rooms(tmp_path, world(rolling))
    assert (await rooms.call(ASKED)).status == 200
    refused = await rooms.call(ASKED)
    assert (refused.status, refused.code) == (429, "insufficient_quota")

    rooms.clock.now_ms += 59_000
    assert (await rooms.call(ASKED)).status == 429
    rooms.clock.now_ms += 2_000
    assert (await rooms.call(ASKED)).status == 200


@pytest.mark.parametrize("stall_ms", [500, 2_000])
async def test_what_piles_up_before_a_client_that_does_not_read_is_billed(tmp_path: Path, stall_ms: int) -> None:
    """It took one chunk, and let the upstream go on for two seconds before it left: nobody saw how far."""
    rooms = Rooms(tmp_path, world())
    rooms.upstreams.script("up", stream(event("a"), event("b"), DONE))
    told = await rooms.call(STREAMED)
    assert told.answer is not None
    assert told.answer.chunks is not None
    relay = told.answer.chunks
    await anext(aiter(relay))
    rooms.clock.now_ms += stall_ms
    await relay.aclose()
    (record,) = rooms.records()

    assert record.outcome == "aborted"
    assert record.usage.output == (1 if stall_ms < 1_000 else CEILING)
    assert record.flags == (() if stall_ms < 1_000 else ("unanswered",))
    assert settled(rooms)


async def test_a_client_that_leaves_before_a_plain_answer_pays_the_most_it_can_be(tmp_path: Path) -> None:
    """Before the head, and while the body is awaited: the provider goes on, and is paid."""
    for reply in (None, Reply(200, asyncio.Event())):
        rooms = Rooms(tmp_path / str(reply is None), world())
        if reply is None:
            rooms.upstreams.gates["up"] = asyncio.Event()
        else:
            rooms.upstreams.script("up", reply)
        call = asyncio.ensure_future(rooms.call(ASKED))
        await until(partial(bool, rooms.upstreams.asked))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        (record,) = rooms.records()

        assert (record.status, record.outcome, record.flags) == (499, "aborted", ("unanswered",))
        assert record.usage.output == CEILING
        assert settled(rooms)


@pytest.mark.parametrize(
    ("reply", "status", "output"),
    [
        (Reply(200, b'{"choices":[{"message":{"content":"', RESET), 502, CEILING),
        (Reply(200, b'{"choices":[{"message":{"content":"'), 502, CEILING),
        (Reply(200, SLOW), 504, CEILING),
        (Reply(200, RESET), 502, CEILING),
        (Reply(200, b"<html>busy</html>"), 502, None),
        (Reply(200, b'{"error":{"code":"x"}}'), 502, None),
        (Reply(400, b'{"error":{"message":"bad"}}'), 400, None),
    ],
    ids=["broken off", "cut", "slow", "reset", "html", "error", "rejected"],
)
async def test_what_a_broken_answer_costs(tmp_path: Path, reply: Reply, status: int, output: int | None) -> None:
    """The provider had made a plain answer whole before it sent any of it: all it can have been; nothing for none."""
    rooms = Rooms(tmp_path, world())
    rooms.upstreams.script("up", reply)
    told = await rooms.call(ASKED)
    records = rooms.records()

    assert told.status == status
    assert [record.usage.output for record in records] == ([] if output is None else [output])
    assert [record.outcome for record in rooms.told] == ["failed"]
    assert settled(rooms)


async def test_a_provider_that_bills_more_than_was_held_is_paid_and_shown(tmp_path: Path) -> None:
    """The Budget is charged the truth, the record is flagged, and the next call finds nothing left."""
    rooms = Rooms(tmp_path, world(budget(unit="TotalTokens", amount=600)))
    rooms.upstreams.script("up", answer((500, 9_000)))
    first, second = await rooms.call(ASKED), await rooms.call(ASKED)
    (record,) = rooms.records()

    assert (first.status, second.status) == (200, 429)
    assert record.flags == ("over_hold",)
    assert rooms.posted() == 9_500


async def test_a_price_that_changes_meanwhile_is_the_next_calls(tmp_path: Path) -> None:
    """What a call costs was settled when it was admitted."""
    rooms = Rooms(tmp_path, world())
    gate = rooms.upstreams.gates["up"] = asyncio.Event()
    call = asyncio.ensure_future(rooms.call(ASKED))
    await until(lambda: rooms.upstreams.asked)
    rooms.table = world(price=Price(version="p2", input_nusd_per_mtok=10**12, output_nusd_per_mtok=10**12))
    gate.set()
    await call
    (record,) = rooms.records()

    assert record.price_version == "p1"
    assert record.cost_nusd == 10 * 150 + 5 * 600


class TestCrashes:
    """What the next life finds in the journal of one that was killed."""

    @staticmethod
    def next_life(rooms: Rooms) -> list[Any]:
        """The records after a crash and a start."""
        rooms.life.crash()
        life = Life(rooms.folder, clock=rooms.clock)
        assert life.ledger.figures().running == 0
        assert all(account.held == 0 for account in life.ledger.accounts().values())
        life.crash()
        return rooms.records()

    async def test_a_stream_is_billed_as_far_as_it_came(self, tmp_path: Path) -> None:
        """Three chunks were handed out and the client asked for more: they, and what was on its way; not the bound."""
        rooms = Rooms(tmp_path, world())
        rooms.upstreams.script("up", stream(*[event("w")] * 3, asyncio.Event()))
        told = await rooms.call({"max_tokens": 5_000, "stream": True})
        assert told.answer is not None
        assert told.answer.chunks is not None
        got: list[bytes] = []
        reading = asyncio.ensure_future(_read_into(got, told.answer.chunks))
        await until(lambda: len(got) == 3)
        (record,) = self.next_life(rooms)
        reading.cancel()

        assert record.flags == ("crashed",)
        assert 3 < record.usage.output < 1_000
        assert record.usage.input == 34
        assert record.cost_nusd == 34 * 150 + record.usage.output * 600

    async def test_a_stream_that_nobody_read_is_billed_at_its_bound(self, tmp_path: Path) -> None:
        """One chunk was handed out, and the client did not come back for the next."""
        rooms = Rooms(tmp_path, world())
        rooms.upstreams.script("up", stream(event("w"), event("w"), DONE))
        told = await rooms.call(STREAMED)
        assert told.answer is not None
        assert told.answer.chunks is not None
        await anext(aiter(told.answer.chunks))
        (record,) = self.next_life(rooms)

        assert (record.flags, record.usage.output) == (("crashed",), CEILING)

    @pytest.mark.parametrize("body", [ASKED, STREAMED], ids=["plain", "a stream answered in one piece"])
    async def test_a_plain_call_is_billed_at_its_bound(self, tmp_path: Path, body: dict[str, Any]) -> None:
        """Nobody knows what the provider has done."""
        rooms = Rooms(tmp_path, world())
        never = asyncio.Event()
        rooms.upstreams.script("up", Reply(200, never))
        call = asyncio.ensure_future(rooms.call(body))
        await until(lambda: rooms.upstreams.asked)
        await asyncio.sleep(0)
        (record,) = self.next_life(rooms)
        call.cancel()

        assert (record.flags, record.usage.output) == (("crashed",), CEILING)

    async def test_a_call_that_was_never_sent_costs_nothing(self, tmp_path: Path) -> None:
        """Its hold was written down; the request was not on its way."""
        rooms = Rooms(tmp_path, world())
        made = rooms.exchange({"model": "echo", "messages": [], **ASKED})
        principal = Principal(next(iter(rooms.table.proofs.values())).key, "c1")
        ask = read(made, principal)
        plan = resolve(rooms.table, principal, ask, draw=lambda: 0.5)
        await rooms.pipeline._admission.admit(Call(made, principal, ask, NOW_MS), plan, lambda *_: None)

        assert rooms.running() == 1
        assert self.next_life(rooms) == []


async def _read_into(got: list[bytes], chunks: Chunks) -> None:
    async for chunk in chunks:
        got.append(chunk)  # noqa: PERF401  the test looks at what has come so far


async def test_a_field_of_any_name_may_be_dropped(tmp_path: Path) -> None:
    """What a client made up is told in one line of a header, whatever it holds."""
    the_model = model(drop_unsupported=True)
    table_ = table(models=(the_model,), upstreams=(upstream(paths={"messages": "/m"}),))
    rooms = Rooms(tmp_path, table_)
    message = b'{"content":[{"type":"text","text":"a"}],"usage":{"input_tokens":1,"output_tokens":1}}'
    rooms.upstreams.script("up", Reply(200, message))
    told = await rooms.call({"max_tokens": 9, "a\r\nset-cookie: b\x00\u20ac": 1})

    assert told.answer is not None
    assert dict(told.answer.headers)["x-sluice-dropped"] == "a??set-cookie: b??"


async def test_usage_that_is_told_all_along_is_no_end(tmp_path: Path) -> None:
    """Who asks for it with every event, stops reading and leaves has not had the rest for nothing."""
    rooms = Rooms(tmp_path, world())
    told_all_along = (
        b'data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":7,"completion_tokens":1}}\n\n'
    )
    rooms.upstreams.script("up", stream(told_all_along, event("b"), usage_event(7, 90), DONE))
    told = await rooms.call({**STREAMED, "stream_options": {"include_usage": True, "continuous_usage_stats": True}})
    assert told.answer is not None
    relay = told.answer.chunks
    assert relay is not None
    await anext(aiter(relay))
    rooms.clock.now_ms += 5_000
    await relay.aclose()
    (record,) = rooms.records()

    assert record.usage.output == CEILING
    assert "unanswered" in record.flags


async def test_usage_that_is_told_all_along_counts_at_the_end(tmp_path: Path) -> None:
    """Its last word is what was used."""
    rooms = Rooms(tmp_path, world())
    told_all_along = [
        b'data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":7,"completion_tokens":%d}}\n\n' % made
        for made in (1, 2, 3)
    ]
    rooms.upstreams.script("up", stream(*told_all_along, DONE))
    told = await rooms.call(STREAMED)
    await told.read()
    (record,) = rooms.records()

    assert (record.usage.input, record.usage.output, record.usage.estimated) == (7, 3, False)
    assert record.outcome == "ok"


@pytest.mark.parametrize("left", [True, False])
async def test_what_costs_nothing_costs_nothing_however_it_ends(tmp_path: Path, left: bool) -> None:
    """Counting is free: nothing is held for it, and nothing billed where its answer breaks off or nobody waits."""
    rooms = Rooms(tmp_path, world())
    gone = asyncio.Event()
    rooms.upstreams.script("up", Reply(200, gone) if left else Reply(200, b'{"input_', RESET))
    call = asyncio.ensure_future(rooms.call(endpoint="count_tokens"))
    await until(lambda: bool(rooms.upstreams.asked))
    assert rooms.held() == 0
    if left:
        call.cancel()
    await asyncio.wait([call])

    assert rooms.posted() == 0
    assert settled(rooms)


async def test_an_answer_that_comes_later_is_billed_as_the_most_it_can_be(tmp_path: Path) -> None:
    """In the background nobody sees what it comes to."""
    rooms = Rooms(tmp_path, world(budget(id="tok", unit="TotalTokens", amount=10**9)))
    rooms.upstreams.script("up", Reply(200, b'{"id":"resp_1","status":"queued","output":[],"usage":null}'))
    body = {"input": "hi", "background": True, "max_output_tokens": CEILING}
    told = await rooms.call(body, endpoint="responses")
    (record,) = rooms.records()

    assert told.status == 200
    assert record.usage.output == CEILING
    assert "unanswered" in record.flags


@pytest.mark.parametrize("streamed", [True, False])
async def test_figures_that_cannot_be_are_none(tmp_path: Path, streamed: bool) -> None:
    """No call has a billion tokens: an estimate is as good, and no counter bursts."""
    rooms = Rooms(tmp_path, world())
    rooms.upstreams.script("up", stream(event("a"), usage_event(10**19, 5), DONE) if streamed else answer((5, 10**19)))
    told = await rooms.call(STREAMED if streamed else ASKED)
    if streamed:
        await told.read()
    (record,) = rooms.records()

    assert record.usage.estimated
    assert max(record.usage.input, record.usage.output) < 10_000
    assert settled(rooms)


async def test_a_stream_of_what_goes_on_in_the_background_may_be_left(tmp_path: Path) -> None:
    """Its provider goes on, so that it is billed as the most it can be."""
    rooms = Rooms(tmp_path, world(budget(id="tok", unit="TotalTokens", amount=10**9)))
    delta = b'data: {"type":"response.output_text.delta","delta":"a"}\n\n'
    rooms.upstreams.script("up", stream(delta, delta, delta))
    body = {"input": "hi", "background": True, "stream": True, "max_output_tokens": CEILING}
    told = await rooms.call(body, endpoint="responses")
    await told.read(1)
    (record,) = rooms.records()

    assert record.usage.output == CEILING
