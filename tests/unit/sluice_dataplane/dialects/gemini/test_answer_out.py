"""Answers for Gemini's clients; the goldens hold the usual ones."""

import json
from typing import Any

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import (
    Answer,
    Choice,
    Document,
    Finish,
    Part,
    Refusal,
    Request,
    Text,
    ToolCall,
)
from sluice_dataplane.dialects.gemini.answer_out import write_answer, write_usage
from sluice_dataplane.dialects.seam import Shown


def written(*parts: Part, finish: Finish = "stop") -> Any:
    """What a client gets of an answer of *parts* by a provider that says little."""
    answer = Answer(id="", model="", choices=(Choice(parts=parts, finish=finish),))
    return json.loads(write_answer(answer, Request(), Shown(id="abc", model="m", created_s=1)))


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "STOP"),
        ("tools", "STOP"),
        ("stop_sequence", "STOP"),
        ("pause", "STOP"),
        ("length", "MAX_TOKENS"),
        ("context", "MAX_TOKENS"),
        ("refusal", "SAFETY"),
        ("filter", "SAFETY"),
    ],
)
def test_each_end_has_a_reason_of_googles(finish: Finish, reason: str) -> None:
    """A call of a function is no reason of its own."""
    assert written(finish=finish)["candidates"][0]["finishReason"] == reason


def test_what_the_provider_does_not_say_is_shown() -> None:
    """An id and the model that was asked for."""
    assert (written()["responseId"], written()["modelVersion"]) == ("abc", "m")


def test_a_refusal_is_text_and_a_file_is_nothing() -> None:
    """Answers of this wire have no words for either."""
    parts = written(Refusal(text="no"), Document(text="x"), Text(text="y"))["candidates"][0]["content"]["parts"]

    assert parts == [{"text": "no"}, {"text": "y"}]


def test_broken_arguments_are_still_an_object() -> None:
    """A client's parser expects one."""
    (part,) = written(ToolCall(id="c", name="f", arguments="{"))["candidates"][0]["content"]["parts"]

    assert part["functionCall"]["args"] == {"arguments": "{"}


def test_usage_adds_up_by_googles_count() -> None:
    """Thoughts beside the candidates; modalities where not all of it is text."""
    usage = TokenUsage(input=10, output=9, cached_input=4, reasoning=3, audio_input=2, image_output=6)
    found = write_usage(usage, "flex")

    assert found["promptTokenCount"] + found["candidatesTokenCount"] + found["thoughtsTokenCount"] == 19
    assert (found["totalTokenCount"], found["cachedContentTokenCount"], found["serviceTier"]) == (19, 4, "flex")
    assert found["promptTokensDetails"] == [
        {"modality": "TEXT", "tokenCount": 8},
        {"modality": "AUDIO", "tokenCount": 2},
    ]
    assert found["candidatesTokensDetails"] == [{"modality": "IMAGE", "tokenCount": 6}]
    assert "cacheTokensDetails" not in found
