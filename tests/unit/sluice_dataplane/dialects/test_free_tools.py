"""Tools of plain text, for providers that know functions: there as a function, back as text."""

import json

import msgspec
import pytest

from sluice_dataplane.dialects.conversation import Answer, Choice, Request, Text, Tool, ToolCall, ToolResult, Turn
from sluice_dataplane.dialects.events import ChoiceEnded, Delta, Event, PartBegan, PartEnded
from sluice_dataplane.dialects.frames import Frame, FramingError
from sluice_dataplane.dialects.free_tools import (
    MAX_INPUT_CHARS,
    SCHEMA,
    FreeingReader,
    answer_of,
    as_functions,
    names_of,
)

PATCH = Tool(name="patch", description="Edits.", free=True, grammar=msgspec.Raw(b'{"definition":"start: LINE+"}'))
PLAIN = Tool(name="weather")
FRAME = Frame(b"", None)


def test_a_free_tool_becomes_a_function_of_one_text() -> None:
    """Its grammar is told in words; other tools stay as they are."""
    request = Request(tools=(PATCH, PLAIN))
    patch, plain = as_functions(request).tools

    assert names_of(request) == {"patch"}
    assert (patch.free, patch.grammar, bytes(patch.schema)) == (False, None, bytes(SCHEMA))
    assert patch.description == "Edits.\n\nThe input must follow this grammar:\nstart: LINE+"
    assert plain is PLAIN


def test_calls_of_the_past_become_calls_of_functions() -> None:
    """So that the model sees its own history in the words it has now."""
    call = ToolCall(id="1", name="patch", arguments='say "hi"', free=True)
    turns = (
        Turn(role="assistant", parts=(Text(text="a"), call)),
        Turn(role="user", parts=(ToolResult(call_id="1", free=True),)),
        Turn(role="user", parts=(Text(text="b"),)),
    )
    first, second, third = as_functions(Request(tools=(PATCH,), turns=turns)).turns

    assert first.parts[0] is turns[0].parts[0]
    assert isinstance(first.parts[1], ToolCall)
    assert (first.parts[1].free, json.loads(first.parts[1].arguments)) == (False, {"input": 'say "hi"'})
    assert second.parts == (ToolResult(call_id="1"),)
    assert third is turns[2]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [('{"input":"a\\nb"}', "a\nb"), ('{"input": 7}', '{"input": 7}'), ("plain", "plain"), ('"x"', '"x"'), ("", "")],
)
def test_an_answers_calls_are_text_again(arguments: str, text: str) -> None:
    """What the model wrote beside the schema is passed on as it is; other tools' calls are not touched."""
    other = ToolCall(id="2", name="weather", arguments="{}")
    parts = (ToolCall(id="1", name="patch", arguments=arguments), other)
    freed = answer_of(Answer(id="a", model="m", choices=(Choice(parts=parts),)), frozenset(("patch",)))

    assert freed.choices[0].parts == (ToolCall(id="1", name="patch", arguments=text, free=True), other)


class Told:
    """A reader that tells what it was given."""

    def __init__(self, *steps: list[Event]) -> None:
        self.steps = list(steps)

    def feed(self, frame: Frame) -> list[Event]:
        """The next step."""
        return self.steps.pop(0)

    def finish(self) -> list[Event]:
        """The last one."""
        return self.steps.pop(0)


def test_a_streamed_call_is_told_when_it_is_whole() -> None:
    """Its pieces are of JSON, so that no text is known before the end; what comes between goes on."""
    call = ToolCall(id="1", name="patch")
    between = Delta(index=1, text="other")
    reader = FreeingReader(
        Told(
            [PartBegan(index=0, part=call), Delta(index=0, text='{"inp'), between],
            [Delta(index=0, text='ut":"a'), Delta(index=0, text='b"}'), PartEnded(index=0)],
            [ChoiceEnded(finish="tools")],
        ),
        frozenset(("patch",)),
    )

    assert reader.feed(FRAME) == [PartBegan(index=0, part=msgspec.structs.replace(call, free=True)), between]
    assert reader.feed(FRAME) == [Delta(index=0, text="ab"), PartEnded(index=0)]
    assert reader.finish() == [ChoiceEnded(finish="tools")]


def test_an_input_without_end_is_cut_off() -> None:
    """A call that is held back may not eat our memory."""
    piece: list[Event] = [Delta(index=0, text="x" * 1_000_000)]
    steps: list[list[Event]] = [[PartBegan(index=0, part=ToolCall(id="1", name="patch"))]]
    count = MAX_INPUT_CHARS // 1_000_000 + 2
    reader = FreeingReader(Told(*steps, *([piece] * count)), frozenset(("patch",)))
    reader.feed(FRAME)

    with pytest.raises(FramingError):
        [reader.feed(FRAME) for _ in range(count)]


def test_inputs_of_many_calls_are_bounded_together() -> None:
    """A provider that begins calls without end may not eat it either; what was told is not counted any more."""

    def called(index: int) -> list[Event]:
        return [PartBegan(index=index, part=ToolCall(id="1", name="patch", arguments="x" * (MAX_INPUT_CHARS // 2)))]

    reader = FreeingReader(
        Told(called(0), [PartEnded(index=0)], called(1), called(2), called(3)), frozenset(("patch",))
    )
    for _ in range(4):
        reader.feed(FRAME)

    with pytest.raises(FramingError):
        reader.feed(FRAME)
