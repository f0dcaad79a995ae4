"""The Responses API: turns as input."""

from typing import Any

import pytest

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import (
    Audio,
    Document,
    Image,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.responses.items_out import write_turns
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError

TO = To(model="m", losses=Losses(allowed=True), usual_ceiling=1)


def items_of(*turns: Turn, to: To = TO) -> tuple[str, list[Any]]:
    """What is written of *turns*."""
    return write_turns(turns, to)


def part_of(part: Part, to: To = TO) -> Any:
    """What is written of one part of a user's turn with two."""
    _, items = items_of(Turn(role="user", parts=(Text(text=""), part)), to=to)
    return items[0]["content"][1]


def test_the_first_words_of_the_system_s_are_the_instructions() -> None:
    """Others stay where they are, and whose they are."""
    system = Turn(role="system", parts=(Text(text="A"),))
    developer = Turn(role="developer", parts=(Text(text="B"),))

    assert items_of(system, developer, system) == (
        "A",
        [{"role": "developer", "content": "B"}, {"role": "system", "content": "A"}],
    )
    assert items_of(developer)[0] == ""


def test_a_turn_falls_into_items_in_its_order() -> None:
    """Words before and after a call are messages of their own."""
    parts = (Text(text="a"), ToolCall(id="c", name="f"), Text(text="b"), Text(text="c"))
    _, items = items_of(Turn(role="assistant", parts=parts))

    words = [{"type": "output_text", "text": text} for text in "abc"]
    assert items == [
        {"type": "message", "role": "assistant", "content": words[:1]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "message", "role": "assistant", "content": words[1:]},
    ]


def test_a_long_id_of_a_call_is_shortened_alike_for_its_result() -> None:
    """OpenAI takes 64 characters."""
    _, items = items_of(
        Turn(role="assistant", parts=(ToolCall(id="x" * 65, name="f"), ToolCall(id="y" * 64, name="f"))),
        Turn(role="user", parts=(ToolResult(call_id="x" * 65), ToolResult(call_id="y" * 64))),
    )

    ids = [item["call_id"] for item in items]
    assert ids[0] == ids[2] != "x" * 65
    assert ids[1] == ids[3] == "y" * 64
    assert len(ids[0]) <= 64


@pytest.mark.parametrize(
    "thought",
    [
        Thinking(text="a", signature="s", origin="messages"),
        Thinking(text="a", origin="responses"),
        Thinking(text="a"),
    ],
)
def test_a_thought_that_its_provider_did_not_sign_is_left_out(thought: Thinking) -> None:
    """Others could not read it, and its words are no words of the prompt's."""
    assert items_of(Turn(role="assistant", parts=(thought,)))[1] == []


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            Image(data="QQ==", media_type="image/gif"),
            {"type": "input_image", "detail": "auto", "image_url": "data:image/gif;base64,QQ=="},
        ),
        (Image(file_id="file-1", detail="low"), {"type": "input_image", "detail": "low", "file_id": "file-1"}),
        (
            Document(data="QQ==", media_type="text/csv"),
            {"type": "input_file", "filename": "document.csv", "file_data": "data:text/csv;base64,QQ=="},
        ),
        (
            Document(data="QQ==", title="t"),
            {"type": "input_file", "filename": "t", "file_data": "data:application/pdf;base64,QQ=="},
        ),
        (Document(text="body", title="t"), {"type": "input_text", "text": "t\n\nbody"}),
        (Audio(data="QQ==", format="wav"), {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}),
    ],
)
def test_media_are_written(part: Part, expected: object) -> None:
    """Data as URLs, texts as texts."""
    assert part_of(part) == expected


@pytest.mark.parametrize(
    ("part", "capabilities"),
    [
        (Image(url="https://e.com/a", at="here"), Capabilities(vision=False)),
        (Document(url="https://e.com/a", at="here"), Capabilities(documents=False)),
        (Image(file_id="file_anthropic", at="here"), Capabilities()),
        (Document(file_id="files/gemini", at="here"), Capabilities()),
    ],
)
def test_a_part_of_the_prompt_is_never_left_out(part: Part, capabilities: Capabilities) -> None:
    """Also where fields may be dropped; it is named by its place in the client's body."""
    to = To(model="m", losses=Losses(allowed=True), usual_ceiling=1, capabilities=capabilities)
    with pytest.raises(InvalidRequestError) as refused:
        part_of(part, to)

    assert refused.value.param == "here"


def test_results_with_pictures_are_lists() -> None:
    """One text alone is a text."""
    parts = (Text(text="a"), Image(url="https://e.com/a"))
    _, items = items_of(
        Turn(
            role="user",
            parts=(ToolResult(call_id="c", parts=parts), ToolResult(call_id="d", parts=parts[:1], free=True)),
        )
    )

    assert [type(item["output"]) for item in items] == [list, str]
    assert [item["type"] for item in items] == ["function_call_output", "custom_tool_call_output"]


@pytest.mark.parametrize(
    ("parts", "output"),
    [
        ((), "<tool_error></tool_error>"),
        ((Text(text="no"),), "<tool_error>no</tool_error>"),
        ((Text(text="no"), Text(text="way")), ["<tool_error>", "no", "way", "</tool_error>"]),
    ],
)
def test_a_tool_that_failed_is_told_in_words(parts: tuple[Text, ...], output: object) -> None:
    """The API has no field for it, and the model must not take the error for a result."""
    _, items = items_of(Turn(role="user", parts=(ToolResult(call_id="c", parts=parts, is_error=True),)))

    told = items[0]["output"]
    assert (told if isinstance(told, str) else [each["text"] for each in told]) == output
