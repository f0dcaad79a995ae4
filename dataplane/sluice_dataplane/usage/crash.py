"""What a call is billed that nobody saw the end of.  Pure; the reasons are in ADR 0014."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec

from sluice_contract.snapshot import BudgetUnit
from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_dataplane.limits.store import KeyUsage, Reservation, Settlement
from sluice_dataplane.usage import pricing
from sluice_dataplane.usage.draft import Draft
from sluice_dataplane.usage.lines import HoldLine
from sluice_dataplane.usage.slots import Progress

# Of a stream: generated, and on their way to us when we died.  How much lay unread in our sockets depends on how far a
# busy machine was behind with reading them: as much as comes in IN_FLIGHT_MS, at the pace that was seen.
IN_FLIGHT_TOKENS: Final = 64
IN_FLIGHT_MS: Final = 2_000
YOUNG_MS: Final = 250  # until then the pace is not known
YOUNG_IN_FLIGHT_TOKENS: Final = 256
UNSEEN: Final = Progress(tokens=0, stalled=True)  # sent, for all we know

_DAY_MS: Final = 86_400_000


def settled(hold: HoldLine, progress: Progress | None) -> tuple[Settlement, UsageRecord | None]:
    """How *hold* ends, and the record of its use.  *progress* None: it was never sent, and costs nothing."""
    reservation, draft = hold.reservation, hold.draft
    if hold.slice or progress is None:
        return void(reservation), None
    if draft is None:
        used = tuple(rate.cost for rate in reservation.rates)
        return Settlement(reservation, used, tuple(charge.amount for charge in reservation.charges)), None
    record = _record(draft, progress)
    spent = tuple(spent_of(unit, record.usage, record.cost_nusd) for unit in draft.units)
    used = tuple(rate.cost for rate in reservation.rates)
    return Settlement(reservation, used, spent, key_usage_of(record)), record


def void(reservation: Reservation) -> Settlement:
    """The settlement that gives everything back."""
    return Settlement(reservation, (0,) * len(reservation.rates), (0,) * len(reservation.charges))


def _record(draft: Draft, progress: Progress) -> UsageRecord:
    record, most = draft.record, draft.record.usage
    usage = most
    if record.stream and not progress.stalled:
        usage = TokenUsage(
            input=min(draft.input_tokens, most.input), output=min(progress.tokens + _in_flight(progress), most.output)
        )
    cost_nusd = 0 if draft.rates is None else pricing.cost_at(usage, draft.rates, draft.request_nusd)
    return msgspec.structs.replace(
        record,
        admitted_ms=record.at_ms,
        usage=msgspec.structs.replace(usage, estimated=True),
        cost_nusd=cost_nusd,
        outcome="partial" if progress.tokens else "failed",
        flags=(*record.flags, "crashed"),
    )


def _in_flight(progress: Progress) -> int:
    """How many tokens may have been on their way to us, or in our sockets unread."""
    least = IN_FLIGHT_TOKENS if progress.ms >= YOUNG_MS else YOUNG_IN_FLIGHT_TOKENS
    return max(least, -(-progress.tokens * IN_FLIGHT_MS // max(progress.ms, YOUNG_MS)))


def spent_of(unit: BudgetUnit, usage: TokenUsage, cost_nusd: int) -> int:
    """What *usage* comes to in the *unit* of a Budget."""
    match unit:
        case "Cost":
            return cost_nusd
        case "TotalTokens":
            return usage.total
        case "InputTokens":
            return usage.input
        case "OutputTokens":
            return usage.output
        case "Requests":
            return 1


def key_usage_of(record: UsageRecord) -> KeyUsage:
    """What *record* adds to its key's month, which is that of its admission."""
    return KeyUsage(
        key_id=record.key_id,
        month=month_of(record.counts_ms // _DAY_MS),
        requests=1,
        input_tokens=record.usage.input,
        output_tokens=record.usage.output,
        cost_nusd=record.cost_nusd,
        at_ms=record.at_ms,
    )


@lru_cache(maxsize=8)
def month_of(day: int) -> str:
    """The UTC month of the *day*-th day since 1970."""
    return datetime.fromtimestamp(day * _DAY_MS / 1000, UTC).strftime("%Y-%m")
