"""Sums of usage for people and programs: a table, CSV, JSON.  Pure, but for the table in a terminal.

Money is written as decimal strings of USD, never through a float.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from sluice_cli.usage_sums import TOKENS, Group, Sum, Sums
from sluice_contract.money import format_usd

Format = Literal["table", "csv", "json"]

_COUNTS: Final[Mapping[str, Callable[[Sum], Any]]] = {
    "requests": lambda sums: sums.requests,
    "records": lambda sums: sums.records,
    "attempts": lambda sums: sums.attempts,
}
_MONEY: Final[Mapping[str, Callable[[Sum], Any]]] = {
    "cost_usd": lambda sums: format_usd(sums.cost_nusd),
    "estimated": lambda sums: sums.estimated,
    "estimated_usd": lambda sums: format_usd(sums.estimated_cost_nusd),
    "reported": lambda sums: sums.reported,
    "reported_usd": lambda sums: format_usd(sums.reported_cost_nusd),
    "reported_ours_usd": lambda sums: format_usd(sums.reported_our_cost_nusd),
    "crashed": lambda sums: sums.crashed,
    "unanswered": lambda sums: sums.unanswered,
}
COLUMNS: Final = (*_COUNTS, *(f"{kind}_tokens" for kind in TOKENS), *_MONEY)

# In a table, what is 0 everywhere is left out, except for these; and what belongs together is shown together.
_ALWAYS: Final = ("requests", "input_tokens", "output_tokens", "cost_usd")
_BESIDE: Final = {
    "estimated_usd": "estimated",
    "reported_usd": "reported",
    "reported_ours_usd": "reported",
}
_SAME: Final = {"records": "requests", "attempts": "requests"}  # left out where it says the same everywhere
_FORMULA: Final = ("=", "+", "-", "@")  # what a spreadsheet would run


def cells(sums: Sum) -> dict[str, Any]:
    """Every figure of *sums* by the name of its column: counts as int, money as a decimal string of USD."""
    tokens = {f"{kind}_tokens": count for kind, count in zip(TOKENS, sums.tokens, strict=True)}
    counts = {name: value(sums) for name, value in _COUNTS.items()}
    return {**counts, **tokens, **{name: value(sums) for name, value in _MONEY.items()}}


def as_json(sums: Sums, names: Mapping[str, str], unreadable: Mapping[str, int]) -> str:
    """Rows, the total, and what is to be known of the input; *names* are of Budgets by their ids."""
    by = sums.query.by
    rows = [{**dict(zip(by, _named(by, group, names), strict=True)), **cells(each)} for group, each in sums.rows()]
    gaps = [gap._asdict() for gap in sums.seen.gaps()]
    leaps = [gap._asdict() for gap in sums.seen.leaps()]
    read = {"doubled": sums.doubled, "sources": len(sums.seen.sources), "unreadable": sum(unreadable.values())}
    document = {"rows": rows, "total": cells(sums.total), "input": {**read, "gaps": gaps, "leaps": leaps}}
    return msgspec.json.format(msgspec.json.encode(document)).decode() + "\n"


def as_csv(sums: Sums, names: Mapping[str, str]) -> str:
    """One line a group under a line of names; without groups one line, the total.

    A text that a spreadsheet would take for a formula has a ``'`` before it, and control characters are replaced: some
    texts are the clients' own.
    """
    by = sums.query.by
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*by, *COLUMNS])
    for group, each in sums.rows() or [((), sums.total)] * (not by):
        texts = [_harmless(value or "") for value in _named(by, group, names)]
        writer.writerow([*texts, *cells(each).values()])
    return out.getvalue()


def as_lines(sums: Sums, names: Mapping[str, str]) -> str:
    """Aligned columns of plain text, the total last."""
    heads, rows, total = _table(sums, names)
    every = [heads, *rows, total]
    left = len(sums.query.by) or 1
    widths = [max(len(row[column]) for row in every) for column in range(len(heads))]

    def line(row: Sequence[str]) -> str:
        aligned = [
            text.ljust(width) if column < left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(aligned).rstrip()

    return "".join(f"{line(row)}\n" for row in every)


def print_table(sums: Sums, names: Mapping[str, str]) -> None:
    """The same in a terminal, with rules and as wide as it is."""
    from rich import box  # noqa: PLC0415  # only where there is a terminal
    from rich.cells import cell_len  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    heads, rows, total = _table(sums, names)
    left = len(sums.query.by) or 1
    table = Table(box=box.SIMPLE, show_footer=True, pad_edge=False)
    for column, (head, foot) in enumerate(zip(heads, total, strict=True)):
        table.add_column(Text(head), footer=Text(foot), justify="left" if column < left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    # As wide as it needs to be: a figure that is cut is no figure.
    widest = sum(3 + max(cell_len(row[column]) for row in [heads, *rows, total]) for column in range(len(heads)))
    Console(width=max(Console().width, widest)).print(table)


def _table(sums: Sums, names: Mapping[str, str]) -> tuple[list[str], list[list[str]], list[str]]:
    by, groups = sums.query.by, sums.rows()
    figures = [cells(each) for _, each in groups] + [cells(sums.total)]
    shown = [name for name in COLUMNS if _worth_showing(name, figures)]
    heads = [*(by or ("",)), *(name.replace("_tokens", "").replace("_", " ") for name in shown)]
    rows = [
        [*(_printable(value or "-") for value in _named(by, group, names)), *(str(figure[name]) for name in shown)]
        for (group, _), figure in zip(groups, figures, strict=False)
    ]
    total = ["total", *[""] * (len(by) - 1), *(str(figures[-1][name]) for name in shown)]
    return heads, rows, total


def _worth_showing(name: str, figures: Iterable[Mapping[str, Any]]) -> bool:
    if name in _SAME:
        return any(figure[name] != figure[_SAME[name]] for figure in figures)
    return name in _ALWAYS or any(figure[_BESIDE.get(name, name)] for figure in figures)


def _named(by: Sequence[str], group: Group, names: Mapping[str, str]) -> list[str | None]:
    return [
        names.get(value, value) if name == "budget" and value is not None else value
        for name, value in zip(by, group, strict=True)
    ]


def _printable(text: str) -> str:
    """*text* without what would steer a terminal: some of it is the clients' own."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _harmless(text: str) -> str:
    return f"'{_printable(text)}" if text.startswith(_FORMULA) else _printable(text)


def warnings(sums: Sums, unreadable: Mapping[str, int], *, most: int = 20) -> list[str]:
    """What should be known of the input, a line each: lines that are no records, and records that are missing."""
    said = [f"{name}: {count} lines cannot be read" for name, count in sorted(unreadable.items())]
    gaps = sums.seen.gaps()
    for gap in gaps[:most]:
        numbers = f"record {gap.first} is" if gap.first == gap.last else f"records {gap.first} to {gap.last} are"
        said.append(f"source {_printable(gap.source)}: {numbers} missing")
    if len(gaps) > most:
        said.append(f"and {len(gaps) - most} more gaps")
    said += [
        f"source {_printable(leap.source)}: its machine went down after record {leap.first - 1}: what its disk had not "
        "written by then cannot be told"
        for leap in sums.seen.leaps()
    ]
    return said
