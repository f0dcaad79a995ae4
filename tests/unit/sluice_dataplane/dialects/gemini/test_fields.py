"""Gemini's objects: read as leniently as Google reads them, and never ambiguously."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.gemini.fields import FieldError, Fields, decoded


def fields(value: Any, at: str = "") -> Fields:
    """The fields of *value*."""
    return Fields(json.dumps(value).encode(), at)


def test_both_spellings_are_the_same_field() -> None:
    """Google takes both, also within one body."""
    both = fields({"generation_config": {"max_output_tokens": 7}, "cachedContent": "c", "_responseJsonSchema": {}})

    assert both.names() == ("generationConfig", "cachedContent", "responseJsonSchema")
    config = both.one("generationConfig")
    assert config is not None
    assert config.integer("maxOutputTokens") == 7


def test_a_field_in_two_spellings_is_refused() -> None:
    """Nobody could say which of them counts."""
    with pytest.raises(FieldError, match=r"a\.maxOutputTokens: is named twice"):
        fields({"maxOutputTokens": 1, "max_output_tokens": 9}, "a")


def test_null_is_not_there() -> None:
    """As in every message of Google's."""
    assert fields({"a": None, "b": 1}).names() == ("b",)


@pytest.mark.parametrize("written", [7, 7.0, "7"])
def test_a_whole_number_may_be_written_in_three_ways(written: Any) -> None:
    """They are all the same to Google's servers, so a ceiling cannot be hidden in one."""
    assert fields({"n": written}).integer("n") == 7


@pytest.mark.parametrize("written", [7.5, "x", True, [], "9" * 30, {}])
def test_what_is_no_whole_number_is_refused_by_name(written: Any) -> None:
    """It names the field."""
    with pytest.raises(FieldError, match="n: must be a whole number"):
        fields({"n": written}).integer("n")


def test_one_object_stands_for_a_list_of_one() -> None:
    """Google's own examples write it so."""
    assert [each.at for each in fields({"parts": {"text": "x"}}, "c").many("parts")] == ["c.parts[0]"]
    assert [each.at for each in fields({"parts": [{}, {}]}).many("parts")] == ["parts[0]", "parts[1]"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'{"a":', b"\xff", b'{"a":' + b"[" * 100_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    """However it is broken, it is the same kind of error."""
    with pytest.raises(FieldError):
        Fields(body)


@pytest.mark.parametrize("read", ["text", "texts", "flag", "number", "one", "many", "integer"])
def test_every_wrong_type_is_a_field_error(read: str) -> None:
    """Also text that is no UTF-8."""
    wrong = Fields(b'{"a":[{"b":"\xff"},1]}') if read != "one" else Fields(b'{"a":[1]}')

    with pytest.raises(FieldError, match="a"):
        getattr(wrong, read)("a")[1]


def test_json_is_kept_as_it_was_written() -> None:
    """Spaces and the order of members too."""
    assert Fields(b'{"args": {"b": 1,  "a":2}}').json("args") == '{"b": 1,  "a":2}'
    assert decoded(b"[1]") == [1]
