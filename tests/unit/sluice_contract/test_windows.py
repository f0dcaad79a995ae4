"""Budget windows."""

import datetime as dt
import re
import zoneinfo
from typing import Final, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sluice_contract.windows import (
    BUCKETS,
    NEVER_MS,
    ONCE,
    CalendarUnit,
    Period,
    counted,
    counts_until_ms,
    rolling_bucket,
    span_at,
    window_at,
)

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

UNITS: Final[tuple[CalendarUnit, ...]] = get_args(CalendarUnit)
# Daylight saving at night and at midnight, by half an hour, across midnight (St. John's until 2011), around Ramadan
# (Casablanca), a day left out (Apia 2011), quarters of an hour, no daylight saving.
ZONES: Final = (
    "UTC", "Europe/Helsinki", "America/New_York", "America/Havana", "America/Nuuk", "Australia/Lord_Howe",
    "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu", "Africa/Casablanca", "America/Asuncion", "America/Santiago",
    "America/Sao_Paulo", "Asia/Beirut", "Asia/Tehran", "Asia/Amman", "Africa/Cairo", "Atlantic/Azores",
)  # fmt: skip


def ms(text: str) -> int:
    """Milliseconds since 1970 of an ISO time."""
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


DAYS: Final = {"Month": st.integers(1, 28), "Week": st.integers(1, 7)}
periods = st.sampled_from(UNITS).flatmap(
    lambda unit: st.builds(
        Period, unit=st.just(unit), time_zone=st.sampled_from(ZONES), start_day=DAYS.get(unit, st.just(1))
    )
)
rolling = st.integers(60_000, 400 * DAY_MS).map(lambda length_ms: Period(rolling_ms=length_ms))
moments = st.integers(ms("1995-01-01T00:00:00Z"), ms("2060-01-01T00:00:00Z"))


@st.composite
def turns(draw: st.DrawFn) -> int:
    """A moment within a few hours of where something turns: a leap day, a month, a year, the clocks."""
    year = draw(st.integers(1995, 2059))
    days = st.sampled_from((dt.date(year, 2, 28), dt.date(year, 3, 1), dt.date(year, 1, 1), dt.date(year, 12, 31)))
    months = st.builds(lambda month, day: dt.date(year, month, day), st.integers(1, 12), st.integers(1, 28))
    sundays = st.builds(
        lambda month, week: dt.date(year, month, 1 + 7 * week), st.sampled_from((3, 4, 9, 10, 11)), st.integers(0, 3)
    )
    day = draw(st.one_of(days, months, sundays))
    noon = int(dt.datetime(day.year, day.month, day.day, 12, tzinfo=dt.UTC).timestamp() * 1000)
    return noon + draw(st.integers(-26 * HOUR_MS, 26 * HOUR_MS))


ST_JOHNS_DAY: Final = Period(unit="Day", time_zone="America/St_Johns")


@settings(deadline=None, max_examples=10_000)
@given(period=periods, now_ms=st.one_of(turns(), moments), into=st.floats(0, 1, exclude_max=True))
@example(period=ST_JOHNS_DAY, now_ms=ms("1999-10-31T02:45:00Z"), into=0.5)  # the old day's last hour again
@example(period=Period(unit="Day", time_zone="Pacific/Apia"), now_ms=ms("2011-12-30T10:00:00Z"), into=0.5)
def test_every_moment_is_in_exactly_one_window(period: Period, now_ms: int, into: float) -> None:
    """Windows hold what they are asked for, follow each other without gap or overlap under ids of their own, and are
    the same from any moment in them: nothing is spent in no window or in two, whoever looks and whenever.
    """
    window = window_at(period, now_ms)
    following, before = window_at(period, window.end_ms), window_at(period, window.start_ms - 1)
    other_ms = window.start_ms + int((window.end_ms - window.start_ms) * into)

    assert window.contains(now_ms)
    assert following.start_ms == window.end_ms
    assert before.end_ms == window.start_ms
    assert len({before.id, window.id, following.id}) == 3
    assert window_at(period, other_ms) == window
    assert span_at(period, now_ms) == window


any_period = st.one_of(periods, periods, periods, rolling, st.just(Period()))


@settings(deadline=None, max_examples=2_000)
@given(one=any_period, other=any_period, now_ms=turns(), later_ms=st.integers(0, 400 * DAY_MS))
@example(Period(unit="Month"), Period(unit="Month", time_zone="Europe/Helsinki"), ms("2026-11-21T08:00:00Z"), 0)
@example(Period(unit="Day"), Period(unit="Month", start_day=15), ms("2026-11-15T08:00:00Z"), 0)
@example(Period(unit="Week", start_day=7), Period(unit="Month", start_day=15), ms("2026-11-15T08:00:00Z"), 0)
def test_windows_of_different_spans_have_different_ids(one: Period, other: Period, now_ms: int, later_ms: int) -> None:
    """A Budget whose period is changed begins at nothing: no two periods call different windows the same."""
    first, second = window_at(one, now_ms), window_at(other, now_ms + later_ms)
    if one.rolling_ms is not None:
        assert (first.id == second.id) == (one == other)
    elif first.id == second.id:
        assert first == second


@pytest.mark.parametrize("zone", ["UTC", "Europe/Helsinki"])
def test_no_two_days_of_a_year_share_an_id_for_different_windows(zone: str) -> None:
    """Every unit with every start day, on each day of a leap year: an id stands for one span."""
    spans: dict[str, tuple[int, int]] = {}
    starts: dict[CalendarUnit, int] = {"Week": 7, "Month": 28}
    every = [Period(unit=unit, time_zone=zone, start_day=n + 1) for unit in UNITS for n in range(starts.get(unit, 1))]
    for day in range(366):
        for period in every:
            window = window_at(period, ms("2028-01-01T12:00:00Z") + day * DAY_MS)
            assert spans.setdefault(window.id, (window.start_ms, window.end_ms)) == (window.start_ms, window.end_ms)


@given(period=any_period, now_ms=moments)
@example(period=Period(unit="Month", start_day=28, time_zone="America/Argentina/Buenos_Aires"), now_ms=0)
@example(period=Period(unit="Week", start_day=7, time_zone="Etc/GMT+12"), now_ms=0)
def test_an_id_can_be_part_of_a_name(period: Period, now_ms: int) -> None:
    """Ids hold nothing that parts a counter's name, or that a pattern of Redis would take for more than itself."""
    assert re.fullmatch(r"[A-Za-z0-9_+/@-]{1,100}", window_at(period, now_ms).id)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("unit", UNITS)
def test_decades_are_covered_without_a_hole_and_without_a_name_twice(unit: CalendarUnit, zone: str) -> None:
    """Walked from one to the next, two decades of windows touch each other and no two have the same id."""
    period, now_ms, seen = Period(unit=unit, time_zone=zone), ms("2006-06-15T00:00:00Z"), set[str]()
    while now_ms < ms("2026-06-15T00:00:00Z"):
        window = window_at(period, now_ms)
        assert window.contains(now_ms)
        assert not seen or window.start_ms == now_ms
        assert window.id not in seen
        seen.add(window.id)
        now_ms = window.end_ms


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
        ("2026-03-27T23:59:59Z", "month-2026-02-28"),
        ("2026-03-28T00:00:00Z", "month-2026-03-28"),
        ("2026-01-01T00:00:00Z", "month-2025-12-28"),
    ],
)
def test_billing_month_begins_on_its_own_day(now: str, identity: str) -> None:
    """A month that begins on the 28th runs over the end of February and of the year; its id says its first day."""
    assert window_at(Period(unit="Month", start_day=28), ms(now)).id == identity


@pytest.mark.parametrize(
    ("start_day", "now", "identity"),
    [
        (7, "2026-11-21T23:59:59Z", "week-2026-11-15"),  # a Saturday: the last day of a week that begins on Sunday
        (7, "2026-11-22T00:00:00Z", "week-2026-11-22"),
        (2, "2027-01-04T12:00:00Z", "week-2026-12-29"),  # Monday is the last day of a week that begins on Tuesday
        (1, "2027-01-04T12:00:00Z", "2027-W01"),
    ],
)
def test_week_begins_on_its_own_day(start_day: int, now: str, identity: str) -> None:
    """A week may begin on any day; only one that begins on Monday is called as ISO does, any other by its first day."""
    assert window_at(Period(unit="Week", start_day=start_day), ms(now)).id == identity


def test_start_day_counts_for_months_and_weeks_only() -> None:
    """The start day of another unit is not read."""
    now_ms = ms("2026-05-05T05:05:05Z")

    assert window_at(Period(unit="Year", start_day=9), now_ms) == window_at(Period(unit="Year"), now_ms)


def test_same_moment_is_another_day_elsewhere() -> None:
    """The zone decides: while it is still Monday in New York it is Tuesday in Helsinki."""
    now_ms = ms("2026-09-01T00:30:00Z")

    assert window_at(Period(unit="Month", time_zone="America/New_York"), now_ms).id == "2026-08@America/New_York"
    assert window_at(Period(unit="Month", time_zone="Europe/Helsinki"), now_ms).id == "2026-09@Europe/Helsinki"


@pytest.mark.parametrize("now_ms", [0, ms("2026-01-01T00:00:00Z"), NEVER_MS - 1])
def test_period_without_unit_never_ends(now_ms: int) -> None:
    """A Budget that is given once has one window for all time."""
    assert window_at(Period(), now_ms) is ONCE
    assert ONCE.contains(now_ms)


def test_unknown_zone_is_an_error() -> None:
    """A zone that is not known here is never silently UTC."""
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
        window_at(Period(unit="Day", time_zone="Mars/Olympus"), 0)


@settings(deadline=None, max_examples=2_000)
@given(period=rolling, now_ms=moments, into=st.floats(0, 1, exclude_max=True))
@example(period=Period(rolling_ms=60_059), now_ms=ms("2026-01-01T00:00:00.030Z"), into=0.5)
def test_rolling_window_lasts_exactly_as_long_as_its_buckets_stay(period: Period, now_ms: int, into: float) -> None:
    """While a window holds, the same bucket is spent from and the same ones count; a moment later they do not."""
    window = window_at(period, now_ms)
    other_ms = window.start_ms + int((window.end_ms - window.start_ms) * into)

    assert window.contains(now_ms)
    assert rolling_bucket(period, other_ms) == rolling_bucket(period, now_ms)
    assert rolling_bucket(period, window.end_ms) != rolling_bucket(period, now_ms)
    assert rolling_bucket(period, window.start_ms - 1) != rolling_bucket(period, now_ms)
    assert window_at(period, window.end_ms).id == window.id


@settings(deadline=None, max_examples=2_000)
@given(period=rolling, spent_ms=moments, later=st.floats(0, 2))
def test_what_was_spent_counts_for_a_whole_period_and_not_much_longer(
    period: Period, spent_ms: int, later: float
) -> None:
    """No span as long as the period holds more than the limit; money is back a sixtieth of the period later at most."""
    assert period.rolling_ms is not None
    bucket, _ = rolling_bucket(period, spent_ms)
    now_ms = spent_ms + int(period.rolling_ms * later)
    current, oldest = rolling_bucket(period, now_ms)

    if now_ms - spent_ms < period.rolling_ms:
        assert bucket >= oldest
    if now_ms - spent_ms >= period.rolling_ms + period.rolling_ms // BUCKETS:
        assert bucket < oldest
    assert current - oldest <= BUCKETS + 1
    assert counted({bucket: 5, current + 1: 2, oldest - 1: 1}, oldest) == (7 if bucket >= oldest else 2)


def test_buckets_of_another_length_are_another_account() -> None:
    """Bucket numbers depend on the length of the period: a Budget whose length is changed begins anew."""
    now_ms = ms("2026-11-21T08:00:00Z")
    ids = {window_at(Period(rolling_ms=length_ms), now_ms).id for length_ms in (60_000, 90_000, DAY_MS, DAY_MS + 1)}

    assert ids == {"rolling-1m", "rolling-90s", "rolling-24h", "rolling-86400001ms"}


def test_span_of_a_rolling_period_covers_its_buckets() -> None:
    """People are told since when spending counts, and until when what is spent now will."""
    span = span_at(Period(rolling_ms=HOUR_MS), ms("2026-11-21T08:00:30Z"))

    assert (span.id, span.start_ms, span.end_ms) == (
        "rolling-1h", ms("2026-11-21T07:00:00Z"), ms("2026-11-21T09:01:00Z"),
    )  # fmt: skip


def test_period_that_does_not_roll_has_no_bucket() -> None:
    """Asking for one is a mistake and is said to be."""
    with pytest.raises(ValueError, match="does not roll"):
        rolling_bucket(Period(unit="Day"), 0)
    with pytest.raises(ValueError, match="does not roll"):
        counts_until_ms(Period(), 0)


@given(period=rolling, now_ms=moments)
def test_bucket_counts_until_the_moment_that_is_told(period: Period, now_ms: int) -> None:
    """What is spent now counts until just before the moment that people are told, and not at it."""
    bucket, _ = rolling_bucket(period, now_ms)
    until_ms = counts_until_ms(period, bucket)

    assert rolling_bucket(period, until_ms - 1)[1] <= bucket < rolling_bucket(period, until_ms)[1]
