"""Differences between journals and store, for people and programs.  Pure."""

import csv
import io
from typing import Any, Final

import msgspec

from sluice_cli.usage_reconcile import Difference, Result
from sluice_cli.usage_show import Format

_PARTS: Final = ("budget", "window", "subject")
_HEADS: Final = (*_PARTS, "bucket", "store", "journals", "difference", "verdict")


def show(result: Result, form: Format, names: dict[str, str]) -> str:
    """*result* in that form, figures in each Budget's own unit; *names* are of Budgets by their ids."""
    rows = [_row(each, names) for each in result.differences]
    if form == "json":
        document = {"compared": result.compared, "differences": rows, "incomplete": result.incomplete}
        return msgspec.json.format(msgspec.json.encode(document)).decode() + "\n"
    if form == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, _HEADS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()
    return "".join(f"{line}\n" for line in (*_aligned(rows), _verdict(result)))


def _verdict(result: Result) -> str:
    if not result.differences:
        return f"{result.compared} figures compared, all equal"
    unknown = sum(each.verdict == "unknown" for each in result.differences)
    proven = len(result.differences) - unknown
    return f"{result.compared} figures compared, {proven} differ, {unknown} cannot be explained by these journals alone"


def _row(difference: Difference, names: dict[str, str]) -> dict[str, Any]:
    parts = difference.account.split(":", 4)[2:]
    named = dict(zip(_PARTS, parts, strict=False)) if len(parts) == len(_PARTS) else {"budget": difference.account}
    budget = named["budget"]
    return {
        **dict.fromkeys(_PARTS, ""),
        **named,
        "budget": names.get(budget, budget),
        "bucket": difference.bucket,
        "store": difference.store,
        "journals": difference.journals,
        "difference": difference.store - difference.journals,
        "verdict": difference.verdict,
    }


def _aligned(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    texts = [list(_HEADS), *(["-" if row[head] in (None, "") else str(row[head]) for head in _HEADS] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(_HEADS))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in texts]
