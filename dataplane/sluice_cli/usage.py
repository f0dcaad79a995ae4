"""``sluice usage``: puts together what was asked for, reads it, says it; knows what each exit status means."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sluice_cli import usage_inputs
from sluice_cli.usage_differences import show as show_differences
from sluice_cli.usage_inputs import NothingThereError
from sluice_cli.usage_reconcile import Books
from sluice_cli.usage_redis import PAGE, Reader
from sluice_cli.usage_show import Format, as_csv, as_json, as_lines, print_table, warnings
from sluice_cli.usage_sums import DIMENSIONS, Query, Sums
from sluice_contract.errors import RedisUrlInvalidError
from sluice_contract.usage import UsageRecord
from sluice_dataplane.errors import StoreError
from sluice_dataplane.usage import lines, replay
from sluice_dataplane.usage.lines import Line

EX_DIFFERENT: Final = 1
EX_USAGE: Final = 2
EX_MISSING: Final = 3  # records, or journals that a comparison needs
EX_UNREADABLE: Final = 4  # an input as a whole

_MOMENTS: Final = ("%Y-%m", "%Y")  # what ISO 8601 has and Python does not read


class UsageError(Exception):
    """The command line cannot be followed; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Where to read: files and folders, data directories among them, and a Redis ("" for none)."""

    paths: tuple[Path, ...] = ()
    redis_url: str = ""

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those of the paths that may be data directories."""
        return tuple(path for path in self.paths if path.is_dir())


def query(by: Iterable[str], since: str | None, until: str | None) -> Query:
    """What the options ask for; *by* may hold several names with commas between.

    Raises:
        UsageError: a name or a moment is of no known form.
    """
    dimensions = tuple(dict.fromkeys(name for text in by for name in text.split(",") if name))
    if unknown := [name for name in dimensions if name not in DIMENSIONS]:
        raise UsageError(f"--by: {unknown[0]!r} is none of {', '.join(DIMENSIONS)}")
    return Query(by=dimensions, since_ms=_moment("--since", since), until_ms=_moment("--until", until))


def _moment(option: str, text: str | None) -> int | None:
    """Milliseconds since 1970 of a date or time; without a zone it is UTC."""
    if text is None:
        return None
    moment = _parsed(text)
    if moment is None:
        raise UsageError(f"{option}: {text!r} is no moment: write 2026-11, 2026-11-30 or 2026-11-30T12:00:00+01:00")
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _parsed(text: str) -> datetime | None:
    for form in _MOMENTS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def summarize(inputs: Inputs, asked: Query, form: Format) -> int:
    """Print the sums; the exit status.  Raises UsageError."""
    sums, unreadable = Sums(asked), Counter[str]()
    try:
        with ExitStack() as stack:
            for records in _sources(inputs, unreadable, stack):
                sums.take(records)
    except (OSError, StoreError, RedisUrlInvalidError, NothingThereError) as error:
        return _failed(error)
    names = usage_inputs.budget_names(inputs.folders)
    if form == "json":
        sys.stdout.write(as_json(sums, names, unreadable))
    elif form == "csv":
        sys.stdout.write(as_csv(sums, names))
    elif sys.stdout.isatty():
        print_table(sums, names)
    else:
        sys.stdout.write(as_lines(sums, names))
    _warn(warnings(sums, unreadable))
    return EX_MISSING if sums.seen.gaps() else 0


def _sources(inputs: Inputs, unreadable: Counter[str], stack: ExitStack) -> Iterator[Iterator[UsageRecord]]:
    if not inputs.paths and not inputs.redis_url:
        raise UsageError("say what to read: files or folders, --data-dir, --manifests or --redis")
    yield usage_inputs.records([file for path in inputs.paths for file in usage_inputs.files(path)], unreadable)
    if inputs.redis_url:
        yield stack.enter_context(Reader(inputs.redis_url)).records(unreadable)


def reconcile(inputs: Inputs, form: Format) -> int:
    """Compare journals with the store, print what differs; the exit status.  Raises UsageError."""
    if not inputs.paths or not inputs.redis_url:
        raise UsageError("--reconcile needs --redis, and the data directories of all replicas")
    journals = [_journal(path) for path in inputs.paths]
    try:
        with Reader(inputs.redis_url) as reader:
            before = reader.page([]).marks
            accounts = reader.account_names()
            pages = [reader.page(accounts[at : at + PAGE]) for at in range(0, len(accounts), PAGE)]
        books = Books(before, pages)
        damaged = Counter[str]()
        for journal in journals:
            books.read((journal / "source").read_text("ascii").strip(), _lines(journal, damaged))
    except (OSError, StoreError, RedisUrlInvalidError) as error:
        return _failed(error)
    result = books.result(now_ms=time.time_ns() // 1_000_000)
    sys.stdout.write(show_differences(result, form, usage_inputs.budget_names(inputs.folders)))
    _warn([f"{name}: {count} lines cannot be read" for name, count in damaged.items()])
    _warn(result.incomplete)
    if result.proven:
        return EX_DIFFERENT
    return EX_MISSING if result.incomplete else 0


def _journal(path: Path) -> Path:
    for folder in (path, path / usage_inputs.JOURNAL):
        if (folder / "source").is_file():
            return folder
    raise UsageError(f"{path}: holds no journal, and only journals can be compared with the store")


def _lines(journal: Path, damaged: Counter[str]) -> Iterator[Line]:
    def count(path: Path, _offset: int, raw: bytes) -> None:
        if raw[-1:] == b"\n" and lines.body_of(raw) is None:  # else it is torn, and was written again
            damaged[str(path)] += 1

    for path in usage_inputs.segments(journal):
        yield from replay.read(path, count)


def _failed(error: Exception) -> int:
    said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
    sys.stderr.write(f"sluice: {said}\n")
    return EX_UNREADABLE


def _warn(said: Iterable[str]) -> None:
    for line in said:
        sys.stderr.write(f"warning: {line}\n")
