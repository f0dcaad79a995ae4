"""Name patterns."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.patterns import compile_patterns, matches


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o*", "gpt-4o"),
        ("gpt-4o*", "gpt-4o-mini"),
        ("*", ""),
        ("*", "anything/at all\nreally"),
        ("*-preview", "o9-preview"),
        ("openai/*/mini", "openai/gpt-5/mini"),
        ("a**b", "ab"),
        ("", ""),
    ],
)
def test_star_stands_for_any_run(pattern: str, name: str) -> None:
    """A star matches any characters, none included."""
    assert matches(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o", "GPT-4o"),
        ("gpt.4o", "gpt-4o"),
        ("gpt-4?", "gpt-4o"),
        ("[a-z]*", "abc"),
        ("*-preview", "o9-preview-2"),
        ("ab*ba", "aba"),
        ("", "x"),
    ],
)
def test_everything_else_stands_for_itself(pattern: str, name: str) -> None:
    """Case counts, and no character but the star is special."""
    assert not matches(pattern, name)


def test_no_patterns_match_nothing() -> None:
    """An empty list allows nothing: it must never be read as everything."""
    assert compile_patterns(()).fullmatch("") is None
    assert compile_patterns(()).fullmatch("gpt-4o") is None


def test_any_of_several_is_enough() -> None:
    """A list of patterns matches what any one of them matches, as a whole name."""
    patterns = compile_patterns(("a", "bc*"))

    assert [name for name in ("a", "bcd", "ax", "xa", "b") if patterns.fullmatch(name)] == ["a", "bcd"]


@given(pattern=st.text("ab*", max_size=8), name=st.text("ab", max_size=12))
def test_agrees_with_the_shell(pattern: str, name: str) -> None:
    """For patterns of letters and stars the shell's rules and ours are the same."""
    assert matches(pattern, name) == fnmatch.fnmatchcase(name, pattern)


def test_hostile_pattern_ends() -> None:
    """Many stars against a long name that nearly fits take linear time; with backtracking this test does not end."""
    assert not matches("*a" * 30 + "*b", "a" * 20_000)
