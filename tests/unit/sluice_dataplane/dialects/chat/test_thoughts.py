"""Thoughts: who can read their signatures, and in which field they go back."""

import json
from typing import Any

import msgspec
import pytest

from sluice_dataplane.dialects.chat import thoughts
from sluice_dataplane.dialects.conversation import Thinking
from sluice_dataplane.dialects.values import raw


def entries(*values: Any) -> list[thoughts.Entry]:
    """The entries of one list."""
    return thoughts.entries(raw(list(values)))


def written(value: object) -> Any:
    """*value* as it goes out."""
    return json.loads(msgspec.json.encode(value))


SIGNED = {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": "anthropic-claude-v1", "index": 0}


def test_entries_that_say_nothing_are_passed_over() -> None:
    """What has neither words nor a proof, or is not understood, is nobody's thought."""
    assert entries({"type": "reasoning.text", "text": ""}, {"type": 7}, 7, None) == []
    assert thoughts.entries(raw({"a": 1}), raw(None)) == []


@pytest.mark.parametrize("entry", [SIGNED, {"type": "thinking", "thinking": "Hm.", "signature": "s"}])
def test_provider_gets_its_entry_back(entry: dict[str, Any]) -> None:
    """What a provider of chat completions signed comes back to it as it was, in the field it came in."""
    thought = thoughts.of_provider(entries(entry)[0])
    field = "thinking_blocks" if entry["type"] == "thinking" else "reasoning_details"

    assert (thought.text, thought.origin) == ("Hm.", "chat")
    assert written(thoughts.for_provider([thought])) == {field: [entry]}


def test_provider_gets_its_secret_thought_back() -> None:
    """So does a thought that nobody may read."""
    entry = {"type": "reasoning.encrypted", "data": "ZW5j", "id": "r1", "format": "unknown", "index": 0}
    thought = thoughts.of_provider(entries(entry)[0])

    assert thought.text == ""
    assert written(thoughts.for_provider([thought])) == {"reasoning_details": [entry]}


def test_words_go_back_under_the_name_they_came_under() -> None:
    """Servers that say ``reasoning`` refuse ``reasoning_content``, and the other way round."""
    own = Thinking(text="a", origin="chat")
    bare = Thinking(text="b", signature=thoughts.BARE, origin="chat")

    assert thoughts.for_provider([own]) == {"reasoning_content": "a"}
    assert thoughts.for_provider([bare]) == {"reasoning": "b"}


@pytest.mark.parametrize("origin", ["messages", "gemini", "responses", "converse", ""])
def test_thoughts_of_other_wires_are_not_sent(origin: str) -> None:
    """Nobody can read another's signature, and another's thought is no prompt."""
    assert thoughts.for_provider([Thinking(text="a", signature="s", origin=origin)]) == {}


@pytest.mark.parametrize("origin", ["messages", "gemini", "responses", "converse"])
def test_signature_survives_the_client(origin: str) -> None:
    """A client that sends back what it got brings the signature to the wire that made it."""
    thought = Thinking(text="Hm.", signature="s", id="i", origin=origin)
    secret = Thinking(redacted="r", origin=origin)
    told = [thoughts.for_client(each, number) for number, each in enumerate((thought, secret))]
    back = [thoughts.of_client(entry, "") for entry in entries(*map(written, told))]

    assert back == [thought, secret]


def test_unsigned_thoughts_have_no_entry() -> None:
    """Words that prove nothing are only words."""
    assert thoughts.for_client(Thinking(text="Hm.", origin="messages"), 0) is None
    assert thoughts.for_client(Thinking(text="Hm.", signature="s"), 0) is None


def test_format_says_whose_it_is() -> None:
    """Of OpenRouter's entries the format tells, of Anthropic's blocks their form."""
    read = entries(SIGNED, {**SIGNED, "format": "unknown"}, {"type": "thinking", "thinking": "a", "signature": "s"})
    origins = [thoughts.of_client(entry, "").origin for entry in read]

    assert origins == ["messages", "chat", "messages"]


def test_forged_proof_is_dropped() -> None:
    """A client's text in the place of a proof is no JSON of ours, however deep it is."""
    for proof in ("x", "[" * 100_000, '{"type":7}'):
        assert thoughts.for_provider([Thinking(redacted=proof, origin="chat")]) == {}
