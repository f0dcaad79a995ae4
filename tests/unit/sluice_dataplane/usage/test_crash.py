"""What calls are billed whose end nobody saw."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.snapshot import BudgetUnit
from sluice_contract.usage import TokenUsage
from sluice_dataplane.limits.store import KeyUsage
from sluice_dataplane.usage import crash
from sluice_dataplane.usage.crash import IN_FLIGHT_TOKENS, UNSEEN
from sluice_dataplane.usage.lines import HoldLine
from sluice_dataplane.usage.slots import Progress
from support.ledgers import draft
from support.stores import charge, rate, take, void

RESERVATION = take("h", rate(5), charge(1_040))


def test_a_call_that_was_not_sent_costs_nothing() -> None:
    """Without progress there was no request: everything is given back, and there is no record."""
    assert crash.settled(HoldLine(1, RESERVATION, draft("h")), None) == (void(RESERVATION), None)


def test_a_stream_that_was_read_costs_what_came_and_a_little_more() -> None:
    """Input, the tokens that came, and what may have been on its way; one record says so."""
    settlement, record = crash.settled(HoldLine(1, RESERVATION, draft("h")), Progress(100, stalled=False, ms=10_000))

    assert record is not None
    assert record.usage == TokenUsage(input=10, output=100 + IN_FLIGHT_TOKENS, estimated=True)
    assert (record.flags, record.outcome, record.cost_nusd) == (("crashed",), "partial", 10 + 164)
    assert (settlement.spent, settlement.used) == ((174,), (5,))
    assert settlement.usage == KeyUsage("vk", "2026-09", 1, 10, 164, 174, record.at_ms)


@pytest.mark.parametrize(
    ("tokens", "ms", "in_flight"),
    [(0, 0, 256), (9, 0, 256), (100, 0, 800), (100, 250, 800), (100, 1_000, 200), (100, 3_000, 67), (100, 60_000, 64)],
)
def test_a_fast_stream_may_have_more_on_its_way(tokens: int, ms: int, in_flight: int) -> None:
    """A machine that was behind with reading left more unread of a fast stream: two seconds at its pace."""
    _, record = crash.settled(HoldLine(1, RESERVATION, draft("h")), Progress(tokens, stalled=False, ms=ms))

    assert record is not None
    assert record.usage.output == tokens + in_flight


@pytest.mark.parametrize("stream", [True, False])
def test_what_may_have_come_unseen_costs_the_bound(*, stream: bool) -> None:
    """A stream that nobody read, and a plain call, are billed the most they can have come to."""
    progress = Progress(100 if stream else 0, stalled=stream)
    settlement, record = crash.settled(HoldLine(1, RESERVATION, draft("h", stream=stream)), progress)

    assert record is not None
    assert record.usage == TokenUsage(input=40, output=1_000, estimated=True)
    assert settlement.spent == (1_040,)


@given(tokens=st.integers(0, 2_000), stalled=st.booleans(), stream=st.booleans())
def test_nothing_costs_more_than_its_bound(*, tokens: int, stalled: bool, stream: bool) -> None:
    """Whatever was seen, no kind of token is billed above the draft's most, and none that was seen is left out."""
    made = draft("h", stream=stream)
    _, record = crash.settled(HoldLine(1, RESERVATION, made), Progress(tokens, stalled=stalled))

    assert record is not None
    assert record.usage.input <= made.record.usage.input
    assert min(tokens, made.record.usage.output) <= record.usage.output <= made.record.usage.output


def test_a_crashed_call_says_when_it_was_admitted() -> None:
    """The draft is of that moment, and so is the month that its key's figures count it in."""
    made = draft("h")
    settlement, record = crash.settled(HoldLine(1, RESERVATION, made), UNSEEN)

    assert record is not None
    assert record.admitted_ms == record.at_ms == made.record.at_ms > 0
    assert settlement.usage is not None
    assert settlement.usage.month == "2026-09"


def test_a_keys_month_is_that_of_admission() -> None:
    """A call that ran over the month's end belongs to the month it began in; an old record only knows its end."""
    december = 1_796_083_200_000
    ended = msgspec.structs.replace(draft("h").record, at_ms=december)
    usage = crash.key_usage_of(msgspec.structs.replace(ended, admitted_ms=december - 1))

    assert (usage.month, usage.at_ms) == ("2026-11", december)
    assert crash.key_usage_of(ended).month == "2026-12"


def test_each_budget_is_charged_in_its_own_unit() -> None:
    """What is spent is in the order of the charges, from the same usage."""
    units: tuple[BudgetUnit, ...] = ("OutputTokens", "Cost", "Requests", "InputTokens", "TotalTokens")
    reservation = take("h", *(charge(9, name=unit) for unit in units))
    settlement, _ = crash.settled(
        HoldLine(1, reservation, draft("h", units=units)), Progress(36, stalled=False, ms=2_000)
    )

    assert settlement.spent == (100, 110, 1, 10, 110)


def test_a_hold_without_a_draft_is_charged_whole() -> None:
    """Of a hold from before there were drafts only the amounts are known."""
    settlement, record = crash.settled(HoldLine(1, RESERVATION), UNSEEN)

    assert (settlement.spent, settlement.used, settlement.usage, record) == ((1_040,), (5,), None, None)


def test_a_slice_is_given_back() -> None:
    """Nothing is ever spent on what was held in advance."""
    assert crash.settled(HoldLine(1, RESERVATION, slice=True), UNSEEN) == (void(RESERVATION), None)


def test_the_flags_of_a_draft_stay() -> None:
    """What a record said before the crash it says after it."""
    made = draft("h")
    made = msgspec.structs.replace(made, record=msgspec.structs.replace(made.record, flags=("downgraded",)))
    _, record = crash.settled(HoldLine(1, RESERVATION, made), UNSEEN)

    assert record is not None
    assert record.flags == ("downgraded", "crashed")
