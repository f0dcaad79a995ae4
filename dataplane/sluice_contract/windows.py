"""Budget windows: which span of time a moment falls in.

Windows are half-open ``[start, end)`` and contiguous in the calendar of a named time zone, so that daylight
saving makes a day of 23 or 25 hours and never a gap.  The id names the window in counters and in statuses: windows of
different spans have different ids, whatever periods they are of, so that a period that is changed begins at nothing.
An id is made of letters, digits and ``-_+/@``, never of a colon, which parts the names of counters.

A rolling period has one window that moves.  What was spent is kept in buckets, each a sixtieth of the period long, and
a bucket counts until its end is a whole period ago: no span of that length ever holds more than the limit, and what
was spent flows back at most a sixtieth of the period late.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

CalendarUnit = Literal["Day", "Week", "Month", "Quarter", "Year"]

NEVER_MS: Final = 253_402_300_799_000  # the last second of the year 9999: the end of a window that has none
BUCKETS: Final = 60  # of a rolling period; one more than that may count at a time

_NOT_ROLLING: Final = "the period does not roll"
_UNITS_MS: Final = (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


class Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """How a Budget's windows follow each other.

    With ``rolling_ms`` the window is always the last so many milliseconds; else ``unit`` None is one without an end.
    """

    unit: CalendarUnit | None = None
    rolling_ms: int | None = None
    time_zone: str = "UTC"
    start_day: int = 1  # of the month, 1..28; of the week, 1 (Monday) .. 7; read for Month and Week only


class Window(msgspec.Struct, frozen=True):
    """One span of time: ``start_ms <= t < end_ms``, in milliseconds since 1970 UTC."""

    id: str
    start_ms: int
    end_ms: int

    def contains(self, now_ms: int) -> bool:
        """Whether the window holds the moment *now_ms*."""
        return self.start_ms <= now_ms < self.end_ms


ONCE: Final = Window(id="once", start_ms=0, end_ms=NEVER_MS)


def window_at(period: Period, now_ms: int) -> Window:
    """The one window of *period* that *now_ms* falls in.

    Of a rolling period it is the span of time in which :func:`rolling_bucket` says the same, under the one id that all
    of these have: what was worked out for a window holds as long as the window does.  See :func:`span_at` for what
    people are told.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: the time zone is unknown here; the compiler refuses such Budgets.
    """
    if period.rolling_ms is not None:
        return _rolling(period.rolling_ms, now_ms)
    if period.unit is None:
        return ONCE
    zone = ZoneInfo(period.time_zone)
    today = dt.datetime.fromtimestamp(now_ms / 1000, zone).date()
    start = _first_day(period, today)
    if now_ms < _midnight_ms(start, zone):  # clocks were put forward across midnight: the new day has not begun
        start = _first_day(period, start - dt.timedelta(days=1))
    end = _next(period, start)
    if now_ms >= _midnight_ms(end, zone):  # clocks were put back across midnight: the old day does not come again
        start, end = end, _next(period, end)
    return Window(id=_window_id(period, start), start_ms=_midnight_ms(start, zone), end_ms=_midnight_ms(end, zone))


def rolling_bucket(period: Period, now_ms: int) -> tuple[int, int]:
    """The bucket that is spent from at *now_ms*, and the oldest that still counts then.

    Raises:
        ValueError: *period* does not roll.
    """
    if period.rolling_ms is None:
        raise ValueError(_NOT_ROLLING)
    width_ms = _width_ms(period.rolling_ms)
    return now_ms // width_ms, (now_ms - period.rolling_ms) // width_ms


def span_at(period: Period, now_ms: int) -> Window:
    """What counts at *now_ms*, for people: the window, and of a rolling period all that its buckets cover.

    A rolling period's span ends when what is spent now will have flowed back.
    """
    window = window_at(period, now_ms)
    if period.rolling_ms is None:
        return window
    bucket, oldest = rolling_bucket(period, now_ms)
    start_ms = oldest * _width_ms(period.rolling_ms)
    return Window(window.id, start_ms=start_ms, end_ms=counts_until_ms(period, bucket))


def counts_until_ms(period: Period, bucket: int) -> int:
    """When what was spent in *bucket* of a rolling period ceases to count.

    Raises:
        ValueError: *period* does not roll.
    """
    if period.rolling_ms is None:
        raise ValueError(_NOT_ROLLING)
    return (bucket + 1) * _width_ms(period.rolling_ms) + period.rolling_ms


def counted(buckets: Mapping[int, int], oldest: int) -> int:
    """What is posted in *buckets* (amount by number) from *oldest* on; older ones are forgotten at the next write."""
    return sum(amount for bucket, amount in buckets.items() if bucket >= oldest)


def _width_ms(rolling_ms: int) -> int:
    return max(1, rolling_ms // BUCKETS)


def _rolling(rolling_ms: int, now_ms: int) -> Window:
    width_ms = _width_ms(rolling_ms)
    bucket, oldest = now_ms // width_ms, (now_ms - rolling_ms) // width_ms
    start_ms = max(bucket * width_ms, oldest * width_ms + rolling_ms)
    end_ms = min((bucket + 1) * width_ms, (oldest + 1) * width_ms + rolling_ms)
    # The length is part of the id: buckets of another length have other numbers.
    return Window(id=f"rolling-{_duration(rolling_ms)}", start_ms=start_ms, end_ms=end_ms)


def _duration(ms: int) -> str:
    return next(f"{ms // unit_ms}{unit}" for unit, unit_ms in _UNITS_MS if ms % unit_ms == 0)


def _first_day(period: Period, today: dt.date) -> dt.date:
    match period.unit:
        case "Day":
            return today
        case "Week":
            return today - dt.timedelta(days=(today.weekday() + 1 - period.start_day) % 7)
        case "Month":
            first = today.replace(day=period.start_day)
            return first if today >= first else _add_months(first, -1)
        case "Quarter":
            return dt.date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
        case _:
            return dt.date(today.year, 1, 1)


def _next(period: Period, start: dt.date) -> dt.date:
    match period.unit:
        case "Day":
            return start + dt.timedelta(days=1)
        case "Week":
            return start + dt.timedelta(days=7)
        case "Month":
            return _add_months(start, 1)
        case "Quarter":
            return _add_months(start, 3)
        case _:
            return dt.date(start.year + 1, 1, 1)


def _window_id(period: Period, start: dt.date) -> str:
    """Such as 2026-11; what is not usual is said: month-2026-11-15, 2026-11@Europe/Helsinki."""
    # Zones are told apart by name: two that have had the same midnights so far may part tomorrow.
    named = _day_id(period, start)
    return named if period.time_zone == "UTC" else f"{named}@{period.time_zone}"


def _day_id(period: Period, start: dt.date) -> str:
    match period.unit:
        case "Day":
            return start.isoformat()
        case "Week":
            year, week, _ = start.isocalendar()
            return f"{year}-W{week:02d}" if period.start_day == 1 else f"week-{start.isoformat()}"
        case "Month":
            return f"{start:%Y-%m}" if period.start_day == 1 else f"month-{start.isoformat()}"
        case "Quarter":
            return f"{start.year}-Q{(start.month - 1) // 3 + 1}"
        case _:
            return str(start.year)


def _add_months(day: dt.date, months: int) -> dt.date:
    index = day.year * 12 + day.month - 1 + months
    return day.replace(year=index // 12, month=index % 12 + 1)


def _midnight_ms(day: dt.date, zone: ZoneInfo) -> int:
    # Where a zone skips midnight, fold=0 maps it to the instant the new day begins; where it repeats, to the first.
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
