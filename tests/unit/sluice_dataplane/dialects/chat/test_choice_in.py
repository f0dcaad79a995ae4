"""One streamed choice: which part is open, and when it ends."""

import json
from typing import Any

import msgspec

from sluice_dataplane.dialects.chat.choice_in import StreamedChoice
from sluice_dataplane.dialects.chat.shapes import Choice
from support.conversations import told


def piece(delta: dict[str, Any], **fields: Any) -> Choice:
    """One piece, as it comes."""
    return msgspec.json.decode(json.dumps({"delta": delta, **fields}), type=Choice)


def kinds(*pieces: Choice) -> list[str]:
    """What happens, in short: the kind of each event, with the part that begins."""
    choice = StreamedChoice(0)
    events = [event for each in pieces for event in told(choice.feed(each))]
    return [event["part"]["is"] if event["is"] == "PartBegan" else event["is"] for event in events]


def test_one_part_of_words_is_open_at_a_time() -> None:
    """Thought, text and refusal follow each other; a thought after a text is another."""
    pieces = [{"reasoning": "a"}, {"content": "b"}, {"content": "c"}, {"reasoning": "d"}, {"refusal": "e"}]

    assert kinds(*map(piece, pieces)) == [
        *("Thinking", "Delta", "Signed", "PartEnded"),
        *("Text", "Delta", "Delta", "PartEnded"),
        *("Thinking", "Delta", "Signed", "PartEnded"),
        *("Refusal", "Delta"),
    ]


def test_nothing_comes_after_the_end() -> None:
    """Servers that repeat the end, or say more after it, are not heard."""
    end = piece({"content": ""}, finish_reason="stop")

    assert kinds(piece({"content": "a"}), end, end, piece({"content": "b"})) == [
        "Text",
        "Delta",
        "PartEnded",
        "ChoiceEnded",
    ]


def test_empty_words_begin_nothing() -> None:
    """The chunk that only names the role has no part."""
    assert kinds(piece({"role": "assistant", "content": "", "refusal": None, "reasoning_content": ""})) == []


def test_empty_reason_is_none() -> None:
    """Some servers say ``""`` in each chunk before the last."""
    assert kinds(piece({"content": "a"}, finish_reason="")) == ["Text", "Delta"]


def test_chances_of_other_tokens_begin_no_text() -> None:
    """Log probabilities of a thought's tokens are not a text's; those of half a character are."""
    chances = {"content": [{"token": "a", "logprob": -1}]}
    thought, text = piece({"reasoning": "a"}, logprobs=chances), piece({"content": "b"}, logprobs=chances)

    assert kinds(thought) == ["Thinking", "Delta"]
    assert kinds(text, piece({"content": ""}, logprobs=chances)) == ["Text", "Delta", "Delta"]


def test_words_come_once() -> None:
    """A thought that is told in three fields is thought once."""
    block = {"type": "reasoning.text", "text": "a", "index": 0}
    pieces = piece({"reasoning": "a", "reasoning_content": "a", "reasoning_details": [block]})

    assert kinds(pieces) == ["Thinking", "Delta"]


def test_other_entry_is_another_thought() -> None:
    """Entries are told apart by their number."""
    first, second = ({"type": "reasoning.text", "text": "a", "index": index} for index in (0, 1))

    assert kinds(piece({"reasoning_details": [first, second]})) == [
        "Thinking",
        "Delta",
        "PartEnded",
        "Thinking",
        "Delta",
    ]


def test_whole_message_in_a_stream_is_read() -> None:
    """A server that streams nothing but says all at once is understood."""
    whole = msgspec.json.decode(b'{"message":{"content":"a"},"finish_reason":"stop"}', type=Choice)

    assert kinds(whole) == ["Text", "Delta", "PartEnded", "ChoiceEnded"]


def test_chances_are_of_the_words_they_came_with() -> None:
    """A refusal's tokens are told with the refusal."""
    refusal = piece({"refusal": "no"}, logprobs={"refusal": [{"token": "no", "logprob": -1}]})
    delta = told(StreamedChoice(0).feed(refusal))[1]

    assert [chance["token"] for chance in delta["logprobs"]] == ["no"]
