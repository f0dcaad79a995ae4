"""The Responses API: items while they are written."""

from collections.abc import Callable

import pytest

from sluice_dataplane.dialects.conversation import Citation, Thinking, TokenChance
from sluice_dataplane.dialects.frames import FramingError
from sluice_dataplane.dialects.responses.open_items import (
    MAX_CHARS,
    Allowance,
    OpenCall,
    OpenMessage,
    OpenProof,
    OpenThought,
    OpenWords,
)

WIDE = "x" * (MAX_CHARS // 16)


def repeat(times: int, step: Callable[[], object]) -> None:
    """Do *step* so many times."""
    for _ in range(times):
        step()


def message() -> OpenMessage:
    """One that begins."""
    return OpenMessage("msg_1", 3, Allowance())


def test_all_that_is_kept_of_an_answer_is_limited() -> None:
    """Over all of its items: what they hold is held until the end."""
    allowance = Allowance()
    with pytest.raises(FramingError):
        repeat(17, lambda: list(OpenThought("rs", 0, allowance, Thinking()).say(WIDE)))


def test_what_comes_beside_the_words_is_limited_too() -> None:
    """Chances of tokens, citations and signatures."""
    words = OpenWords(message(), refusal=False)
    chance = TokenChance(token="a", logprob=0.0, top=(TokenChance(token="b", logprob=0.0),) * 20)
    with pytest.raises(FramingError):
        repeat(MAX_CHARS // (64 * 22) + 1, lambda: list(words.say("a", (chance,))))
    with pytest.raises(FramingError):
        repeat(17, lambda: list(words.cite(Citation(url=WIDE))))
    thought = OpenThought("rs", 0, Allowance(), Thinking())
    with pytest.raises(FramingError):
        repeat(17, lambda: thought.sign(WIDE))


@pytest.mark.parametrize("thought", [Thinking(signature=WIDE), Thinking(redacted=WIDE)], ids=["signed", "redacted"])
def test_what_proves_a_thought_is_limited_where_it_comes_with_it(thought: Thinking) -> None:
    """A thought that nobody may read is as long as any."""
    allowance = Allowance()
    with pytest.raises(FramingError):
        repeat(17, lambda: OpenThought("rs", 0, allowance, thought))


def test_what_proves_calls_is_limited_too() -> None:
    """Each is kept until the end, as the calls are."""
    allowance = Allowance()
    with pytest.raises(FramingError):
        repeat(17, lambda: OpenProof("rs", 0, allowance, WIDE))


def test_empty_pieces_without_end_are_limited() -> None:
    """An object is never smaller than what is counted for it."""
    thought = OpenThought("rs", 0, Allowance(), Thinking())
    with pytest.raises(FramingError):
        repeat(MAX_CHARS // 64 + 1, lambda: list(thought.say("")))


def test_words_know_their_place() -> None:
    """In the output, and in their message."""
    host = message()
    host.contents.append(OpenWords(host, refusal=False))
    second = OpenWords(host, refusal=True)
    ((kind, members),) = second.say("no", None)

    assert kind == "response.refusal.delta"
    assert members == {"item_id": "msg_1", "output_index": 3, "content_index": 1, "delta": "no"}


def test_a_call_without_arguments_has_empty_ones_for_all_to_see() -> None:
    """Whoever adds up the deltas gets what is said to be done."""
    call = OpenCall("fc_1", 0, Allowance(), call_id="c", name=(None, "f"))
    due = dict(call.end())

    assert due["response.function_call_arguments.delta"]["delta"] == "{}"
    assert due["response.function_call_arguments.done"]["arguments"] == "{}"
    assert call.whole("completed")["arguments"] == "{}"


def test_a_wrapped_text_is_told_when_it_is_whole() -> None:
    """Before that, nobody can tell its wrapping from it."""
    call = OpenCall("ctc_1", 0, Allowance(), call_id="c", name=("ns", "p"))
    call.free = call.wrapped = True

    assert list(call.say('{"input":')) == []
    assert list(call.say('"a"}')) == []
    assert [kind for kind, _ in call.end()] == [
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
    ]
    assert call.whole("completed") == {
        "id": "ctc_1",
        "type": "custom_tool_call",
        "status": "completed",
        "input": "a",
        "call_id": "c",
        "name": "p",
        "namespace": "ns",
    }
