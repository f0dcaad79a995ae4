"""The tab: closed once, with what was really used."""

from sluice_contract.snapshot import Limit
from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_dataplane.exchange import Ask, Principal
from sluice_dataplane.limits.store import Reservation, Settlement
from sluice_dataplane.pipeline.resolve import resolve
from sluice_dataplane.pipeline.settle import Books, Held, Result, Tab
from support.builders import NOW_MS, budget, exchange, key, table

USAGE = TokenUsage(input=1_000, output=500)


class Kept:
    """Keeps what a tab settles and tells."""

    def __init__(self) -> None:
        self.settled: list[tuple[Settlement, UsageRecord | None]] = []
        self.told: list[UsageRecord] = []

    def settle(self, settlement: Settlement, record: UsageRecord | None) -> None:
        """Keep one settlement."""
        self.settled.append((settlement, record))


def tab(kept: Kept) -> tuple[Tab, Result]:
    """A tab over a cost budget, a token budget, an rpm and a tpm, and the result of a good call."""
    of = table()
    principal = Principal(key(), "c1")
    candidate = resolve(of, principal, Ask(model="echo"), draw=lambda: 0.5).candidates[0]
    limits = tuple(
        Limit(name=unit, unit=unit, amount=1, window_ms=1_000, burst=1)
        for unit in ("Requests", "TotalTokens", "InputTokens", "OutputTokens")
    )
    budgets = (budget(), budget(id="b2", unit="TotalTokens"))
    made = Tab(
        exchange(of=of),
        principal,
        Ask(model="echo"),
        Held(Reservation("req_1", (), (), (), 1), candidate.model, budgets, limits),
        Books(
            settle=kept.settle,
            observe=lambda record, _exchange, _result, _model: kept.told.append(record),
            clock_ms=lambda: NOW_MS,
            monotonic_ms=lambda: 250.0,
        ),
    )
    return made, Result(200, "ok", 1, candidate, USAGE)


def test_a_good_call_is_charged_what_it_used_in_every_unit() -> None:
    """Budgets get cost and tokens, rates get back what was over their guess, the key its figures."""
    kept = Kept()
    made, result = tab(kept)
    made.close(result)
    settlement, record = kept.settled[0]

    assert settlement.spent == (450_000, 1_500)  # 1,000 x 0.15 + 500 x 0.60 USD per million
    assert settlement.used == (1, 1_500, 1_000, 500)
    assert settlement.usage is not None
    assert (settlement.usage.month, settlement.usage.cost_nusd) == ("2026-09", 450_000)
    assert record is not None
    assert (record.cost_nusd, record.price_version, record.duration_ms) == (450_000, "p1", 250)


def test_a_tab_closes_once() -> None:
    """Whoever closes first decides; every later close does nothing."""
    kept = Kept()
    made, result = tab(kept)
    made.close(result)
    made.close(Result(499, "aborted", 1))

    assert len(kept.settled) == len(kept.told) == 1
    assert kept.told[0].status == 200


def test_a_call_that_came_to_nothing_gives_everything_back() -> None:
    """Budgets and tokens get all of it back and no usage is recorded; the request itself was made."""
    kept = Kept()
    made, _ = tab(kept)
    made.close(Result(502, "failed", 2, code="upstream_error"))
    settlement, record = kept.settled[0]

    assert (settlement.spent, settlement.used, settlement.usage, record) == ((0, 0), (1, 0, 0, 0), None, None)
    assert kept.told[0].status == 502
