"""Where usage records are: files of JSON lines, journals, data directories.  Yields records, keeps none."""

import gzip
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec

from sluice_contract import codec
from sluice_contract.errors import SnapshotInvalidError
from sluice_contract.usage import UsageRecord
from sluice_dataplane.config.cache import SnapshotCache
from sluice_dataplane.usage import lines

STDIN: Final = Path("-")
MAX_LINE_BYTES: Final = 64 * 1024 * 1024  # a journal's snapshot of a great many accounts
JOURNAL: Final = "journal"
USAGE: Final = "usage"

_SETTLE: Final = b'{"kind":"settle"'


class _Settled(msgspec.Struct):
    record: UsageRecord | None = None


_records: Final = msgspec.json.Decoder(UsageRecord)
_settled: Final = msgspec.json.Decoder(_Settled)


class NothingThereError(Exception):
    """A folder holds no usage; the message names it."""


def files(path: Path) -> list[Path]:
    """The files to read for *path*: itself, or those of a data directory, of a journal, or of exported usage.

    Raises:
        NothingThereError: a folder is none of these.
    """
    if not path.is_dir():
        return [path]
    found: list[Path] = []
    for folder in (path, path / JOURNAL):
        if (folder / "source").is_file():
            found += segments(folder)
    for folder in (path, path / USAGE):
        found += sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")])
    if not found and not (path / JOURNAL).is_dir():
        raise NothingThereError(f"{path}: holds neither a journal nor files of usage records")
    return found


def segments(journal: Path) -> list[Path]:
    """All that is written in the folder *journal*, oldest first; on a full disk its reserve holds the newest."""
    found = sorted(path for path in journal.glob("*.log") if path.stem.isdecimal())
    reserve = journal / "reserve"
    return [*found, reserve] if reserve.is_file() else found


def records(paths: Iterable[Path], unreadable: Counter[str]) -> Iterator[UsageRecord]:
    """Every record in *paths*, again as often as it is written there.

    Lines that are none are counted in *unreadable* by the file they are in, and so is a file that is cut off.

    Raises:
        OSError: a file cannot be read.
    """
    for path in paths:
        for raw in _lines(path, unreadable):
            try:
                record = record_in(raw)
            except msgspec.MsgspecError:
                unreadable[str(path)] += 1
            else:
                if record is not None:
                    yield record


def record_in(raw: bytes) -> UsageRecord | None:
    """The record in a line of JSON or of a journal; None where it holds none.

    Raises:
        msgspec.MsgspecError: it cannot be read.
    """
    if raw[8:10] != b" {":
        return _records.decode(raw) if raw.strip() else None
    if raw[-1:] != b"\n":
        return None  # being written, or torn by a crash: then the call was settled again
    body = lines.body_of(raw)
    if body is None:
        raise msgspec.DecodeError("the line is damaged")
    return _settled.decode(body).record if body.startswith(_SETTLE) else None


def _lines(path: Path, unreadable: Counter[str]) -> Iterator[bytes]:
    with _opened(path) as file:
        try:
            while (raw := file.readline(MAX_LINE_BYTES)) and raw[:1] != b"\0":  # a reserve is filled up with zeros
                yield raw
        except (EOFError, zlib.error, gzip.BadGzipFile):
            unreadable[str(path)] += 1


def _opened(path: Path) -> BinaryIO:
    if path == STDIN:
        return sys.stdin.buffer
    return cast("BinaryIO", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def budget_names(data_dirs: Iterable[Path]) -> dict[str, str]:
    """namespace/name of each Budget by its id, as far as the last snapshots of *data_dirs* know them."""
    names: dict[str, str] = {}
    for data_dir in data_dirs:
        bundle = SnapshotCache(data_dir / "snapshot").load()
        if bundle is None:
            continue
        try:
            snapshot = codec.decode(codec.decode_index(bundle.index), bundle.parts)
        except SnapshotInvalidError:
            continue
        names.update({budget.id: f"{budget.namespace}/{budget.name}" for budget in snapshot.budgets})
    return names
