"""Budget windows: which span of time a moment falls in.

Windows are half-open ``[start, end)`` and contiguous in the calendar of a named time zone, so that daylight
saving makes a day of 23 or 25 hours and never a gap.  The id names the window in counters and in statuses.
"""

import datetime as dt
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

CalendarUnit = Literal["Day", "Week", "Month", "Quarter", "Year"]

NEVER_MS: Final = 253_402_300_799_000  # the last second of the year 9999: the end of a window that has none


class Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """How a Budget's windows follow each other; ``unit`` None is one window without an end."""

    unit: CalendarUnit | None = None
    time_zone: str = "UTC"
    start_day: int = 1  # of the month, 1..28; read for Month only


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

    Raises:
        zoneinfo.ZoneInfoNotFoundError: the time zone is unknown here; the compiler refuses such Budgets.
    """
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


def _first_day(period: Period, today: dt.date) -> dt.date:
    match period.unit:
        case "Day":
            return today
        case "Week":
            return today - dt.timedelta(days=today.weekday())
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
    match period.unit:
        case "Day":
            return start.isoformat()
        case "Week":
            year, week, _ = start.isocalendar()
            return f"{year}-W{week:02d}"
        case "Month":
            return f"{start:%Y-%m}" if period.start_day == 1 else start.isoformat()
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
