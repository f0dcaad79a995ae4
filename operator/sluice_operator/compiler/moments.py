"""Moments as milliseconds since 1970 UTC, exactly."""

import datetime as dt
from typing import Final

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND: Final = dt.timedelta(milliseconds=1)


def to_ms(moment: dt.datetime) -> int:
    """The whole milliseconds from 1970 UTC to *moment*, which knows its time zone."""
    return (moment - _EPOCH) // _MILLISECOND


def to_text(ms: int) -> str:
    """The moment as statuses write it, to the second: ``2027-01-01T00:00:00Z``."""
    return f"{_EPOCH + ms * _MILLISECOND:%Y-%m-%dT%H:%M:%SZ}"
