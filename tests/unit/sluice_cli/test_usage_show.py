"""Sums of usage as people and programs get them."""

import csv
import io
import json
from typing import Any

import pytest

from sluice_cli.usage_numbers import LEAP
from sluice_cli.usage_show import COLUMNS, as_csv, as_json, as_lines, print_table, warnings
from sluice_cli.usage_sums import Query, Sums
from sluice_contract.usage import TokenUsage
from support.usage_records import SOURCE, record


def _sums(*records: Any, by: tuple[str, ...] = ("user",)) -> Sums:
    sums = Sums(Query(by=by))
    sums.take(records)
    return sums


def _csv(sums: Sums) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(sums, {}))))


def test_money_is_exact_in_every_form() -> None:
    """Whole nano-USD become decimals of USD without a float in between, also where a float could not hold them."""
    sums = _sums(record(1, cost_nusd=90_071_992_547_409_931_234_567_891))
    exact = "90071992547409931.234567891"

    assert _csv(sums)[0]["cost_usd"] == exact
    assert json.loads(as_json(sums, {}, {}))["rows"][0]["cost_usd"] == exact
    assert exact in as_lines(sums, {})


def test_json_has_rows_the_total_and_what_the_input_was_like() -> None:
    """Every column in every row; what is missing in between; how much was there twice or could not be read."""
    sums = _sums(record(1, user="zoë"), record(1, user="zoë"), record(4))
    said = json.loads(as_json(sums, {}, {"f": 2}))

    assert [(row["user"], row["requests"], row["input_tokens"]) for row in said["rows"]] == [
        (None, 1, 10),
        ("zoë", 1, 10),
    ]
    assert set(said["total"]) == set(COLUMNS)
    assert said["input"] == {
        "doubled": 1,
        "sources": 1,
        "unreadable": 2,
        "gaps": [{"source": SOURCE, "first": 2, "last": 3}],
        "leaps": [],
    }


def test_csv_has_every_column_whatever_is_in_it() -> None:
    """A program finds what it found the last time; without groups the one line is the total."""
    assert list(_csv(_sums(record(1), by=()))[0]) == list(COLUMNS)
    assert _csv(_sums(by=()))[0]["requests"] == "0"
    assert _csv(_sums(record(1), record(2, user="a"), by=("user", "model")))[0]["model"] == "m"
    assert _csv(_sums()) == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@f"])
def test_a_client_cannot_put_a_formula_into_a_spreadsheet(text: str) -> None:
    """Some texts are the clients' own: one that a spreadsheet would run has a quote before it."""
    assert _csv(_sums(record(1, user=text)))[0]["user"] == f"'{text}"
    assert _csv(_sums(record(1, user=f"\r{text}")))[0]["user"] == f"�{text}"


def test_a_client_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters are shown as such, and marks of style are text."""
    sums = _sums(record(1, user="a\x1b[2J\nb [red]x"))
    print_table(sums, {})
    said = capsys.readouterr().out + as_lines(sums, {})

    assert "\x1b" not in said
    assert said.count("a�[2J�b [red]x") == 2


def test_a_table_leaves_out_what_is_nothing() -> None:
    """Kinds of tokens and flags that no call has take no room; what belongs to a figure comes with it."""
    plain = as_lines(_sums(record(1)), {}).splitlines()[0].split("  ")
    usage = TokenUsage(input=10, cached_input=5, estimated=True)
    more = as_lines(_sums(record(1, usage=usage, id="x", attempts=2, flags=("crashed",))), {}).splitlines()[0]

    assert [head.strip() for head in plain if head.strip()] == ["user", "requests", "input", "output", "cost usd"]
    for head in ("attempts", "cached input", "estimated", "estimated usd", "crashed"):
        assert head in more
    assert "records" not in more


def test_a_table_is_aligned_and_ends_with_the_total() -> None:
    """Texts to the left, figures to the right, no blanks at a line's end."""
    said = as_lines(_sums(record(1, user="long name"), record(1_000, user="x")), {})

    assert said == (
        "user       requests  input  output     cost usd\n"
        "x                 1     10      20  0.000001000\n"
        "long name         1     10      20  0.000000001\n"
        "total             2     20      40  0.000001001\n"
    ).replace("0.000001000", "   0.000001")


def test_figures_are_whole_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather a line that runs over than a figure that is cut."""
    monkeypatch.setenv("COLUMNS", "20")
    print_table(_sums(record(1, user="somebody with a name", cost_nusd=123_456_789_123_456_789)), {})
    said = capsys.readouterr().out

    assert "123456789.123456789" in said
    assert "somebody with a name" in said


def test_budgets_are_shown_by_name_where_it_is_known() -> None:
    """And by their id where it is not."""
    sums = _sums(record(1, budget_ids=("u1", "u2")), by=("budget",))

    assert {row["budget"] for row in json.loads(as_json(sums, {"u1": "team/monthly"}, {}))["rows"]} == {
        "team/monthly",
        "u2",
    }


def test_what_is_missing_is_said() -> None:
    """Each gap is a provable loss; many of them are summed up."""
    sums = _sums(*(record(n) for n in (1, 3, 6)))
    leapt = _sums(record(1), record(LEAP + 2))
    many = _sums(*(record(2 * n) for n in range(1, 40)))

    assert warnings(sums, {"f": 2}) == [
        "f: 2 lines cannot be read",
        f"source {SOURCE}: record 2 is missing",
        f"source {SOURCE}: records 4 to 5 are missing",
    ]
    (leap,) = warnings(leapt, {})
    assert "went down after record 1:" in leap
    assert len(warnings(many, {}, most=3)) == 4
    assert warnings(many, {}, most=3)[-1] == "and 35 more gaps"
