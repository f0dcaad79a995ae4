"""Differences between journals and store, as they are shown."""

import csv
import io
import json

import pytest

from sluice_cli.usage_differences import show
from sluice_cli.usage_reconcile import Difference, Result
from sluice_contract import names

MONTH = Difference(names.account("uid", "2026-11", "-"), None, 11, 12, "lost")
ROLLING = Difference(names.account("other", "rolling", "alice:b"), 7, 5, 3, "unknown")


def test_a_table_names_the_account_and_ends_with_the_verdict() -> None:
    """Budget by name where it is known, window, subject, both figures; then how many of how many differ."""
    said = show(Result((MONTH, ROLLING), 9, ()), "table", {"uid": "team/monthly"})

    assert said == (
        "budget        window   subject  bucket  store  journals  difference  verdict\n"
        "team/monthly  2026-11  -        -       11     12        -1          lost\n"
        "other         rolling  alice:b  7       5      3         2           unknown\n"
        "9 figures compared, 1 differ, 1 cannot be explained by these journals alone\n"
    )


def test_equal_is_one_line() -> None:
    """Nothing to read where nothing is wrong."""
    assert show(Result((), 9, ()), "table", {}) == "9 figures compared, all equal\n"


def test_programs_get_whole_numbers() -> None:
    """JSON has numbers and what was missing, CSV a line a difference."""
    result = Result((MONTH,), 9, ("source s: its journal was not given",))
    document = json.loads(show(result, "json", {}))
    (row,) = csv.DictReader(io.StringIO(show(result, "csv", {})))

    assert (document["compared"], document["incomplete"]) == (9, list(result.incomplete))
    assert document["differences"][0] == {
        "budget": "uid",
        "window": "2026-11",
        "subject": "-",
        "bucket": None,
        "store": 11,
        "journals": 12,
        "difference": -1,
        "verdict": "lost",
    }
    assert (row["budget"], row["difference"], row["bucket"]) == ("uid", "-1", "")


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_name_of_no_known_form_is_shown_as_it_is(form: str) -> None:
    """Whatever is in the index of accounts, something is said of it."""
    assert "strange" in show(Result((Difference("strange", None, 1, 0, "too much"),), 1, ()), form, {})  # type: ignore[arg-type]
