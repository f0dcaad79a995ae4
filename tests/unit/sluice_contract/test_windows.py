"""Budget windows."""

import datetime as dt
import zoneinfo
from typing import Final, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sluice_contract.windows import NEVER_MS, ONCE, CalendarUnit, Period, window_at

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

UNITS: Final[tuple[CalendarUnit, ...]] = get_args(CalendarUnit)
# Daylight saving at midnight, by half an hour, across midnight (St. John's until 2011), a day left out (Apia 2011).
ZONES: Final = (
    "UTC", "Europe/Helsinki", "America/New_York", "America/Havana", "America/Nuuk", "Australia/Lord_Howe",
    "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu", "Africa/Casablanca", "America/Asuncion",
)  # fmt: skip


def ms(text: str) -> int:
    """Milliseconds since 1970 of an ISO time."""
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


periods = st.builds(Period, unit=st.sampled_from(UNITS), time_zone=st.sampled_from(ZONES), start_day=st.integers(1, 28))
moments = st.integers(ms("1995-01-01T00:00:00Z"), ms("2060-01-01T00:00:00Z"))
ST_JOHNS_DAY: Final = Period(unit="Day", time_zone="America/St_Johns")


@settings(deadline=None)
@given(period=periods, now_ms=moments)
@example(period=ST_JOHNS_DAY, now_ms=ms("1999-10-31T02:45:00Z"))  # the old day's last hour again, after midnight
@example(period=Period(unit="Day", time_zone="Pacific/Apia"), now_ms=ms("2011-12-30T10:00:00Z"))
def test_window_holds_the_moment_it_was_asked_for(period: Period, now_ms: int) -> None:
    """Each moment is inside its own window, whatever the clocks of the zone do."""
    window = window_at(period, now_ms)

    assert window.contains(now_ms)


@settings(deadline=None)
@given(period=periods, now_ms=moments)
def test_windows_follow_each_other_without_gap_or_overlap(period: Period, now_ms: int) -> None:
    """The moment a window ends is the moment the next begins: nothing is spent in no window or in two."""
    window = window_at(period, now_ms)
    following, before = window_at(period, window.end_ms), window_at(period, window.start_ms - 1)

    assert following.start_ms == window.end_ms
    assert before.end_ms == window.start_ms
    assert len({before.id, window.id, following.id}) == 3


@settings(deadline=None)
@given(period=periods, now_ms=moments, into=st.floats(0, 1, exclude_max=True))
def test_window_is_the_same_from_any_moment_in_it(period: Period, now_ms: int, into: float) -> None:
    """Replicas whose clocks differ, and a call that ends later, name the same account."""
    window = window_at(period, now_ms)
    other = window.start_ms + int((window.end_ms - window.start_ms) * into)

    assert window_at(period, other) == window


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-29T12:00:00Z", 23), ("2026-06-01T12:00:00Z", 24), ("2026-10-25T12:00:00Z", 25)],
)
def test_day_is_as_long_as_the_clock_says(day: str, hours: int) -> None:
    """The day summer time begins has 23 hours, the day it ends 25."""
    window = window_at(Period(unit="Day", time_zone="Europe/Helsinki"), ms(day))

    assert window.end_ms - window.start_ms == hours * HOUR_MS


def test_day_begins_where_its_midnight_is_skipped() -> None:
    """In Havana summer time begins at midnight: that day begins at one o'clock, with no gap before it."""
    window = window_at(Period(unit="Day", time_zone="America/Havana"), ms("2026-03-08T12:00:00Z"))

    assert (window.start_ms, window.end_ms) == (ms("2026-03-08T00:00:00-05:00"), ms("2026-03-09T00:00:00-04:00"))


@pytest.mark.parametrize(
    ("unit", "now", "identity", "start", "end"),
    [
        ("Day", "2028-02-29T00:00:00Z", "2028-02-29", "2028-02-29", "2028-03-01"),
        ("Week", "2027-01-03T23:59:59Z", "2026-W53", "2026-12-28", "2027-01-04"),
        ("Week", "2026-11-21T08:00:00Z", "2026-W47", "2026-11-16", "2026-11-23"),
        ("Month", "2028-02-29T23:59:59Z", "2028-02", "2028-02-01", "2028-03-01"),
        ("Month", "2026-12-31T23:59:59Z", "2026-12", "2026-12-01", "2027-01-01"),
        ("Quarter", "2026-12-31T23:59:59Z", "2026-Q4", "2026-10-01", "2027-01-01"),
        ("Quarter", "2026-04-01T00:00:00Z", "2026-Q2", "2026-04-01", "2026-07-01"),
        ("Year", "2028-12-31T00:00:00Z", "2028", "2028-01-01", "2029-01-01"),
    ],
)
def test_window_of_a_unit(unit: CalendarUnit, now: str, identity: str, start: str, end: str) -> None:
    """Days, ISO weeks, months, quarters and years begin and end where a calendar says, leap days included."""
    window = window_at(Period(unit=unit), ms(now))

    assert (window.id, window.start_ms, window.end_ms) == (identity, ms(f"{start}T00:00:00Z"), ms(f"{end}T00:00:00Z"))


@pytest.mark.parametrize(
    ("now", "identity"),
    [
        ("2026-03-27T23:59:59Z", "2026-02-28"),
        ("2026-03-28T00:00:00Z", "2026-03-28"),
        ("2026-01-01T00:00:00Z", "2025-12-28"),
    ],
)
def test_billing_month_begins_on_its_own_day(now: str, identity: str) -> None:
    """A month that begins on the 28th runs over the end of February and of the year; its id is its first day."""
    assert window_at(Period(unit="Month", start_day=28), ms(now)).id == identity


def test_start_day_counts_for_months_only() -> None:
    """The start day of another unit is not read."""
    now_ms = ms("2026-05-05T05:05:05Z")

    assert window_at(Period(unit="Year", start_day=9), now_ms) == window_at(Period(unit="Year"), now_ms)


def test_same_moment_is_another_day_elsewhere() -> None:
    """The zone decides: while it is still Monday in New York it is Tuesday in Helsinki."""
    now_ms = ms("2026-09-01T00:30:00Z")

    assert window_at(Period(unit="Month", time_zone="America/New_York"), now_ms).id == "2026-08"
    assert window_at(Period(unit="Month", time_zone="Europe/Helsinki"), now_ms).id == "2026-09"


@pytest.mark.parametrize("now_ms", [0, ms("2026-01-01T00:00:00Z"), NEVER_MS - 1])
def test_period_without_unit_never_ends(now_ms: int) -> None:
    """A Budget that is given once has one window for all time."""
    assert window_at(Period(), now_ms) is ONCE
    assert ONCE.contains(now_ms)


def test_unknown_zone_is_an_error() -> None:
    """A zone that is not known here is never silently UTC."""
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
        window_at(Period(unit="Day", time_zone="Mars/Olympus"), 0)
