"""The table of families of models."""

import pytest

from sluice_contract.patterns import matches
from sluice_operator.compiler.capabilities import of_family
from sluice_operator.compiler.families import FAMILIES, UNKNOWN


@pytest.mark.parametrize(
    ("model", "sampling", "reasoning"),
    [
        ("claude-3-5-sonnet-20241022", True, "none"),
        ("claude-3-7-sonnet-latest", True, "budget"),
        ("claude-sonnet-4-20250514", True, "budget"),
        ("claude-opus-4-1-20250805", True, "budget"),
        ("claude-haiku-4-5", True, "budget"),
        ("claude-sonnet-4-6", True, "budget"),
        ("claude-opus-4-7", False, "adaptive"),
        ("claude-opus-5", False, "adaptive"),
        ("claude-haiku-5-5", False, "adaptive"),
        ("claude-fable-5-2", False, "adaptive"),
        ("gpt-4o-mini", True, "none"),
        ("gpt-4.1-nano", True, "none"),
        ("o3", False, "effort"),
        ("o4-mini", False, "effort"),
        ("gpt-5-mini", False, "effort"),
        ("gpt-6-sol", False, "effort"),
        ("gpt-5-chat-latest", True, "none"),
        ("gemini-2.0-flash", True, "none"),
        ("gemini-2.5-pro", True, "budget"),
        ("gemini-3-pro-preview", True, "effort"),
        ("command-r-plus", True, "none"),
    ],
)
def test_a_model_is_told_to_think_in_the_way_it_understands(model: str, sampling: bool, reasoning: str) -> None:
    """A translated call names an effort, a budget or neither, and a temperature only where one is taken."""
    found = of_family(model)

    assert (found.sampling, found.reasoning) == (sampling, reasoning)


@pytest.mark.parametrize(
    "model", ["gpt-4o-audio-preview", "gemini-2.5-flash-image", "mistral-embed", "llama-3", "chat"]
)
def test_what_is_of_another_kind_is_not_known(model: str) -> None:
    """A model that makes pictures or vectors is not judged as the one that its name begins with."""
    assert of_family(model) == UNKNOWN


def test_no_row_is_hidden_by_one_before_it() -> None:
    """The first pattern that fits holds: a narrower one after it would never be read."""
    patterns = [pattern for pattern, _ in FAMILIES]
    hidden = [
        (earlier, later)
        for index, later in enumerate(patterns)
        for earlier in patterns[:index]
        if matches(earlier, later)
    ]

    assert hidden == []


def test_no_model_writes_more_than_it_holds() -> None:
    """The output is part of the window."""
    assert [
        pattern
        for pattern, known in FAMILIES
        if known.context_window and known.max_output_tokens and known.max_output_tokens > known.context_window
    ] == []
