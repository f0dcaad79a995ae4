"""Durations, moments, limits, selectors."""

import datetime as dt
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from sluice_operator.resources.common import (
    DurationMs,
    LabelSelector,
    Limits,
    Moment,
    NamespaceSelector,
    OpenNamespaceSelector,
    between,
    duration_ms,
)


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [("90s", 90_000), ("720h", 2_592_000_000), ("1m30s", 90_000), ("250ms", 250), ("1h0m0s", 3_600_000), ("0s", 0)],
)
def test_duration_is_read_in_milliseconds(text: str, expected_ms: int) -> None:
    """Go durations become whole milliseconds."""
    assert duration_ms(text) == expected_ms


@pytest.mark.parametrize("text", ["", "1d", "1", "s", "-1s", "1.5s", "1 s", "1S", "1m\n", "1234567s", 60, None, True])
def test_what_is_no_duration_is_refused(text: Any) -> None:
    """No days, signs, fractions or numbers: the CRD's pattern says the same."""
    with pytest.raises(ValidationError, match="should be a duration such as"):
        TypeAdapter(DurationMs).validate_python(text)


def test_bounds_of_a_duration_are_included() -> None:
    """From the first to the last, both allowed."""
    adapter = TypeAdapter(Annotated[DurationMs, between("1s", "1m")])

    assert [adapter.validate_python(text) for text in ("1s", "60s")] == [1_000, 60_000]
    for text in ("999ms", "1m1s"):
        with pytest.raises(ValidationError, match="should be a duration from 1s to 1m"):
            adapter.validate_python(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-01-01T00:00:00Z", dt.datetime(2027, 1, 1, tzinfo=dt.UTC)),
        ("2027-01-01T02:00:00+02:00", dt.datetime(2027, 1, 1, tzinfo=dt.UTC)),
        ("2027-01-01t00:00:00.25z", dt.datetime(2027, 1, 1, 0, 0, 0, 250_000, tzinfo=dt.UTC)),
    ],
)
def test_moment_has_a_time_zone(text: str, expected: dt.datetime) -> None:
    """Moments are aware, whatever zone they are written in."""
    assert TypeAdapter(Moment).validate_python(text) == expected


@pytest.mark.parametrize("text", ["2027-01-01", "2027-01-01T00:00:00", "2027-13-01T00:00:00Z", "20270101T000000Z", 5])
def test_what_is_no_moment_is_refused(text: Any) -> None:
    """No zone, no moment; nothing is guessed."""
    with pytest.raises(ValidationError, match="should be a moment with a time zone"):
        TypeAdapter(Moment).validate_python(text)


def limit(name: str, window: str = "1m") -> dict[str, Any]:
    """A limit on requests."""
    return {"name": name, "unit": "Requests", "amount": 1, "window": window}


def test_two_windows_that_are_spelled_differently_are_the_same() -> None:
    """60s and 1m are one counter: two limits on it would be one too many."""
    with pytest.raises(ValidationError, match="two limits have the same unit and window"):
        TypeAdapter(Limits).validate_json(TypeAdapter(list).dump_json([limit("a"), limit("b", "60s")]))


def test_limits_of_different_windows_go_together() -> None:
    """A limit per minute and one per hour."""
    limits = TypeAdapter(Limits).validate_json(TypeAdapter(list).dump_json([limit("a"), limit("b", "1h")]))

    assert [(each.window, each.burst) for each in limits] == [(60_000, None), (3_600_000, None)]


def test_selector_defaults_to_what_is_safe_for_its_place() -> None:
    """Sharing is asked for; a model is open unless it is closed."""
    assert NamespaceSelector().from_ == "Same"
    assert OpenNamespaceSelector().from_ == "All"


@pytest.mark.parametrize("key", ["", "a b", "/a", "a/", "-a", "A.example.com/x", "x" * 318])
def test_label_key_is_checked(key: str) -> None:
    """A selector that could match nothing by mistake is refused."""
    with pytest.raises(ValidationError, match="a key is no label's name"):
        LabelSelector.model_validate({"matchLabels": {key: "x"}})
