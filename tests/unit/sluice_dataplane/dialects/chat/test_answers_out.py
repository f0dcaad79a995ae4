"""A whole answer in OpenAI's form: what other wires have besides, and what OpenAI's SDKs would refuse."""

import json
from typing import Any

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.chat.answers_out import write_answer, write_usage
from sluice_dataplane.dialects.conversation import (
    Answer,
    Choice,
    Citation,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
)
from sluice_dataplane.dialects.openai.usage import answer_usage
from sluice_dataplane.dialects.seam import Shown

SHOWN = Shown(id="x1", model="public", created_s=5)


def write(*parts: Part, request: Request | None = None, **answer: Any) -> dict[str, Any]:
    """The body for an answer of *parts*."""
    whole = Answer(**{"id": "", "model": "", "choices": (Choice(parts=parts),), **answer})
    body: dict[str, Any] = json.loads(write_answer(whole, request or Request(), SHOWN))
    return body


def message(*parts: Part, **answer: Any) -> dict[str, Any]:
    """The message in it."""
    said: dict[str, Any] = write(*parts, **answer)["choices"][0]["message"]
    return said


def test_what_its_provider_did_not_say_is_shown() -> None:
    """An answer has an id, a time and a model's name in any case, and OpenAI's prefix."""
    body = write(Text(text="a"))

    assert (body["id"], body["created"], body["model"]) == ("chatcmpl-x1", 5, "public")
    assert "usage" not in body
    assert write(id="msg_1", model="claude", created_s=7)["model"] == "claude"
    assert write(id="msg_1", created_s=7)["id"] == "chatcmpl-x1"


def test_content_is_null_only_beside_something_else() -> None:
    """Clients that read ``content`` as text find text, unless the model called or refused."""
    assert message()["content"] == ""
    assert message(ToolCall(id="a", name="f"))["content"] is None
    assert message(Refusal(text="no"))["content"] is None
    assert message(ToolCall(id="a", name="f", free=True))["tool_calls"][0]["custom"] == {"name": "f", "input": ""}


def test_blocks_of_text_are_one_text() -> None:
    """Anthropic cuts a text at its citations; a citation without a place is of its whole block."""
    page = Citation(url="https://e/", title="E")
    said = message(Text(text="Ab "), Text(text="cd", citations=(page, Citation(quote="in a document", document=0))))

    assert said["content"] == "Ab cd"
    assert [note["url_citation"] for note in said["annotations"]] == [
        {"url": "https://e/", "title": "E", "start_index": 3, "end_index": 5}
    ]


def test_call_without_arguments_has_an_empty_object() -> None:
    """Clients parse the arguments as JSON."""
    assert message(ToolCall(id="a", name="f"))["tool_calls"][0]["function"]["arguments"] == "{}"


def test_thoughts_are_words_and_proofs() -> None:
    """The words are where most clients look for them, what must come back is in OpenRouter's form."""
    said = message(
        Thinking(text="a", signature="s", origin="messages"),
        Thinking(text="b"),
        Thinking(redacted="r", origin="converse"),
    )

    assert said["reasoning_content"] == "a\n\nb"
    assert said["reasoning_details"] == [
        {"type": "reasoning.text", "text": "a", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
        {
            "type": "reasoning.encrypted",
            "data": "r",
            "format": "anthropic-claude-v1",
            "index": 2,
            "origin": "converse",
        },
    ]


def test_old_clients_get_a_function_call() -> None:
    """Who described ``functions`` looks for the call there, and for its end."""
    request = Request(tools=(Tool(name="f", at="functions[0]"),))
    choices = (Choice(parts=(ToolCall(id="a", name="f", arguments='{"a":1}'),), finish="tools"),)
    choice = write(request=request, choices=choices)["choices"][0]

    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"


@pytest.mark.parametrize(
    "usage",
    [
        TokenUsage(input=100, output=20, cached_input=30, cache_write=10, cache_write_1h=4, reasoning=5),
        TokenUsage(input=9, output=8, audio_input=3, cached_input=3, cached_audio=2, audio_output=4),
        TokenUsage(input=9, output=8, image_input=3, image_output=4),
        TokenUsage(),
    ],
)
def test_usage_survives(usage: TokenUsage) -> None:
    """What is written is read again as the same, each kind of token in its place."""
    reported = answer_usage(json.dumps({"usage": write_usage(usage)}).encode())

    assert reported is not None
    assert reported.usage == usage


def test_usage_counts_the_cache_in_the_prompt() -> None:
    """OpenAI's prompt tokens include what was cached, and the total is the sum."""
    usage = write_usage(TokenUsage(input=100, output=20, cached_input=30))

    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (100, 20, 120)


def test_tiers_that_sdks_do_not_know_are_not_shown() -> None:
    """OpenAI's SDKs have a list of tiers."""
    assert write(service_tier="standard")["service_tier"] == "default"
    assert "service_tier" not in write(service_tier="batch")
