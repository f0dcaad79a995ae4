"""What a call that went wrong may cost, held against what the provider would charge."""

from typing import Literal

from support.faults.bench import Seen
from support.wires.values import tokens_of

# nothing: it was no answer.  exactly: as the provider told.  at least: it was made, or begun; never less than what
# came of it.  unseen: nobody knows how much was made, so the most that it can have been.
Bill = Literal["nothing", "exactly", "at least", "unseen"]


def check_bill(seen: Seen, bill: Bill, *, text: str | None = None) -> None:
    """*text* is what came of an answer that was cut off; None: all of it was made."""
    assert seen.posted_nusd == sum(record.cost_nusd for record in seen.records)
    if bill == "nothing":
        assert (seen.records, seen.posted_nusd) == ([], 0)
        return
    (record,) = seen.records
    used, usage = seen.tries[-1].used, record.usage
    match bill:
        case "exactly":
            assert (usage.input, usage.output, usage.estimated) == (used.input, used.output, False)
        case "at least":
            assert usage.input >= used.input
            assert usage.output >= (used.output if text is None else tokens_of(text))
        case "unseen":
            assert record.flags == ("unanswered",)
            assert usage.output >= used.output
