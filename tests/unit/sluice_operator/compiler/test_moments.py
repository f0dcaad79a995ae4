"""Moments as milliseconds."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.compiler.moments import to_ms, to_text


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_milliseconds_are_exact(moment: dt.datetime) -> None:
    """No float rounds a moment, not even one in the year 9999."""
    back = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=to_ms(moment))

    assert back == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_statuses_write_moments_in_utc() -> None:
    """A moment said in another zone is written as the same moment in UTC."""
    moment = dt.datetime.fromisoformat("2027-01-01T02:00:00+02:00")

    assert to_text(to_ms(moment)) == "2027-01-01T00:00:00Z"
