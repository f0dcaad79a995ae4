"""How much a call takes of each rule that it falls under.  Pure.  Knows no room."""

from typing import Final

import msgspec

from sluice_contract.snapshot import Limit
from sluice_contract.usage import TokenUsage
from sluice_dataplane.exchange import Ask, Candidate, Exchange, Principal
from sluice_dataplane.limits.store import Charge, Rate
from sluice_dataplane.pipeline.terms import Terms, account_of
from sluice_dataplane.usage.bounds import Bound, Scan
from sluice_dataplane.usage.draft import Draft
from sluice_dataplane.usage.pricing import Most, cost_most

RATE_OUTPUT_GUESS: Final = 1_024  # of output, for token rates; the settlement puts it right


class Call(msgspec.Struct, frozen=True, gc=False):
    """Who asks for what, at what time (wall clock, milliseconds).  ``scan`` None: nobody has looked at the body yet."""

    exchange: Exchange
    principal: Principal
    ask: Ask
    now_ms: int
    scan: Scan | None = None


def charges_of(call: Call, terms: Terms, bound: Bound, most: Most | None, output: int) -> tuple[Charge, ...]:
    """What the Budgets hold for a call that is so bound: the charges of its lines, in their order."""
    charges = []
    for line in terms.lines:
        measure = line.measure
        if measure == "Cost":
            amount = 0 if most is None else cost_of(call.ask, bound, most, output)
        elif measure == "TotalTokens":
            amount = bound.input + output
        elif measure == "InputTokens":
            amount = bound.input
        else:
            amount = output if measure == "OutputTokens" else 1
        account = line.account or account_of(line, call.ask)
        charges.append(Charge(account, amount, line.limit, line.expires_at_ms, line.enforced, line.bucket, line.oldest))
    return tuple(charges)


def cost_of(ask: Ask, bound: Bound, most: Most, output: int) -> int:
    """The most that a call which is so bound can cost, in nano-USD."""
    return cost_most(
        most,
        input_tokens=bound.input,
        output_tokens=output,
        audio_input=bound.audio,
        image_input=bound.image,
        audio_output=ask.audio_wanted,
    )


def costed(call: Call, bound: Bound, rates: tuple[Rate, ...], limits: tuple[Limit, ...]) -> tuple[Rate, ...]:
    """*rates* at what the call probably takes of each."""
    ask = call.ask
    given = bound.likely * 3 // 4  # an estimate on the high side has three bytes a token, a rate may have four
    made = min(ask.max_output_tokens or RATE_OUTPUT_GUESS, RATE_OUTPUT_GUESS) * ask.choices
    found = list(rates)
    for index, limit in enumerate(limits):
        unit = limit.unit
        if unit != "Requests":
            rate = rates[index]
            cost = given + made if unit == "TotalTokens" else given if unit == "InputTokens" else made
            found[index] = Rate(rate.bucket, cost, rate.amount, rate.window_ms, rate.burst)
    return tuple(found)


def draft_of(call: Call, terms: Terms, first: Candidate, bound: Bound, most: Most | None, output: int) -> Draft:
    """What the call is billed by if nobody sees how it ends: at the most of all its candidates."""
    exchange, ask, price = call.exchange, call.ask, first.target.price
    usage = TokenUsage(
        input=bound.input,
        output=output,
        audio_input=bound.audio,
        image_input=bound.image,
        audio_output=output if ask.audio_wanted else 0,
        estimated=True,
    )
    record = msgspec.structs.replace(
        terms.record,
        id=exchange.id,
        at_ms=call.now_ms,
        target=first.target.name,
        upstream_model=first.upstream_model,
        endpoint=exchange.endpoint,
        usage=usage,
        price_version="" if price is None else price.version,
        user=terms.record.user or ask.user,
        stream=ask.stream,
        revision=exchange.table.revision,
    )
    if most is None:
        return Draft(record, bound.likely, terms.units)
    return Draft(record, bound.likely, terms.units, most.rates, most.request_nusd)
