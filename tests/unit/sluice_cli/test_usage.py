"""``sluice usage``: real files, a real Redis, the command as it is typed."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from sluice_cli.__main__ import app
from sluice_cli.serving import default_data_dir
from sluice_cli.usage_sums import DIMENSIONS
from sluice_contract import names
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.store import Entry, Settlement
from sluice_dataplane.usage import replay
from sluice_dataplane.usage.export import Exporter, Keep
from sluice_dataplane.usage.lines import HoldLine, SettleLine
from support.redis import RedisServer, running_redis
from support.usage_records import AT_MS, OTHER, SOURCE, Book, record, write

MONTH, DAY = names.account("uid", "2026-11", "-"), names.account("uid", "2026-11-18", "vk")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A redis-server."""
    with running_redis() as server:
        yield server


@pytest.fixture
def empty(server: RedisServer) -> RedisServer:
    """The same, with nothing in it."""
    server.client.flushall()
    return server


def _usage(*args: object, **options: Any) -> Result:
    return CliRunner().invoke(app, ["usage", *map(str, args)], **options)


def _json(*args: object) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(_usage(*args, "--format", "json").stdout)
    return said


def _exported(folder: Path, source: str = SOURCE, *, calls: int = 20) -> Book:
    """A data directory whose journal holds all calls, and whose files all but the last."""
    book = Book(folder / "journal", source)
    exporter = Exporter(book.journal, folder / "usage", clock_ms=lambda: AT_MS, keep=Keep(10**12, 10**12))
    exporter.open()
    for n in range(calls):
        book.call((MONTH, 10**n % 977), (DAY, n), model="ab"[n % 2])
        if n == calls - 2:
            while exporter.step():
                continue
    return book


def _publish(server: RedisServer, numbers: range, source: str = SOURCE) -> None:
    for n in numbers:
        server.client.xadd(names.USAGE_STREAM, {"record": msgspec.json.encode(record(n, source))})


def test_a_mix_of_everything_counts_each_record_once(tmp_path: Path, empty: RedisServer) -> None:
    """Data directories of two replicas, files of one again, and the stream in Redis: each call once."""
    _exported(tmp_path / "a").journal.close()
    _exported(tmp_path / "b", OTHER).journal.close()
    _publish(empty, range(15, 21))
    said = _json("--data-dir", tmp_path / "a", tmp_path / "b", tmp_path / "a" / "usage", "--redis", empty.url)

    assert (said["total"]["requests"], said["total"]["cost_usd"]) == (40, "0.000000420")
    assert said["input"]["gaps"] == []
    assert said["input"]["doubled"] == 3 * 19 + 6


def test_a_gap_is_a_loss_and_says_so(tmp_path: Path) -> None:
    """Exit status 3, and a warning with the numbers; the sums are printed all the same."""
    write(tmp_path / "a.jsonl", [record(n) for n in (4, 5, 9)])
    result = _usage(tmp_path)

    assert result.exit_code == 3
    assert result.stderr == f"warning: source {SOURCE}: records 6 to 8 are missing\n"
    assert result.stdout.splitlines()[-1].split() == ["total", "3", "30", "60", "0.000000018"]


def test_another_input_fills_the_gap(tmp_path: Path) -> None:
    """What one place lost another may have."""
    one = write(tmp_path / "a.jsonl", [record(n) for n in (4, 5, 9)])
    other = write(tmp_path / "b.jsonl", [record(n) for n in (8, 7, 6, 5)])

    assert _usage(one, other).exit_code == 0


def test_lines_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """A warning; no failure by itself, since what is missing shows as a gap."""
    path = write(tmp_path / "a.jsonl", [record(1)])
    path.write_bytes(path.read_bytes() + b"garbage\n")
    result = _usage(path)

    assert (result.exit_code, result.stderr) == (0, f"warning: {path}: 1 lines cannot be read\n")


@pytest.mark.parametrize(
    ("options", "cost"),
    [
        ([], 6),
        (["--since", "2026-11-18T11:06:40Z"], 6),
        (["--since", "2026-11-18T11:06:40.002Z"], 5),
        (["--until", "2026-11-18T12:06:40.002+01:00"], 1),
        (["--since", "2026-11-18", "--until", "2026-11-19"], 6),
        (["--since", "2026-11", "--until", "2026-12"], 6),
        (["--since", "2026", "--until", "2026-11"], 0),
    ],
)
def test_a_span_is_in_utc_unless_it_says_otherwise(tmp_path: Path, options: list[str], cost: int) -> None:
    """Moments are ISO 8601, a month or a year; from the first on, up to the last."""
    write(tmp_path / "a.jsonl", [record(n) for n in (1, 2, 3)])

    assert _json(tmp_path, *options)["total"]["cost_usd"] == f"0.00000000{cost}".replace("0.000000000", "0.000000")


def test_rows_are_by_whatever_is_asked_for(tmp_path: Path) -> None:
    """One name or several, with commas or again; a call without such a value has a row too."""
    write(tmp_path / "a.jsonl", [record(1, team="x"), record(2, team="y"), record(3, team="x", model="n"), record(4)])
    rows = _json(tmp_path, "--by", "team,model", "--by", "month")["rows"]

    assert [(row["team"], row["model"], row["month"], row["cost_usd"]) for row in rows] == [
        (None, "m", "2026-11", "0.000000004"),
        ("x", "n", "2026-11", "0.000000003"),
        ("y", "m", "2026-11", "0.000000002"),
        ("x", "m", "2026-11", "0.000000001"),
    ]


@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_dimension_works_in_every_form(tmp_path: Path, name: str) -> None:
    """Nothing that may be asked for fails."""
    write(
        tmp_path / "a.jsonl", [record(1, team="x", user="u", cost_center="c", budget_ids=("b",), service_tier="flex")]
    )

    assert [_usage(tmp_path, "--by", name, "--format", form).exit_code for form in ("table", "csv", "json")] == [0] * 3


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "say what to read"),
        (["FILE", "--by", "colour"], "'colour' is none of key, model"),
        (["FILE", "--since", "yesterday"], "'yesterday' is no moment"),
        (["FILE", "--reconcile"], "needs --redis"),
        (["--reconcile", "--redis", "redis://127.0.0.1:1"], "data directories of all replicas"),
        (["FILE", "--reconcile", "--redis", "redis://127.0.0.1:1"], "holds no journal"),
        (["FILE", "--format", "xml"], "xml"),
        (["nowhere"], "does not exist"),
    ],
)
def test_a_command_that_cannot_be_followed_is_a_usage_error(tmp_path: Path, args: list[str], said: str) -> None:
    """Exit status 2, and what to write instead."""
    file = write(tmp_path / "a.jsonl", [record(1)])
    result = _usage(*(str(file) if arg == "FILE" else arg for arg in args))

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    "args",
    [["--redis", "redis://:hunter2@127.0.0.1:1/0"], ["--redis", "hunter2://x"], ["DIR"], ["DIR", "--reconcile"]],
)
def test_an_input_that_cannot_be_read_is_an_error_of_its_own(tmp_path: Path, args: list[str]) -> None:
    """Exit status 4: what could be read is not taken for all there is; and no password is told."""
    if "--reconcile" in args:
        Book(tmp_path).journal.close()
        args = [*args, "--redis", "redis://:hunter2@127.0.0.1:1/0"]
    result = _usage(*(str(tmp_path) if arg == "DIR" else arg for arg in args))

    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith("sluice: ")
    assert "hunter2" not in result.stderr


def test_what_serve_keeps_is_found_by_the_manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--manifests DIR`` reads where ``sluice serve DIR`` writes by default."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    _exported(default_data_dir(manifests, {"XDG_STATE_HOME": str(tmp_path / "state")}), calls=3).journal.close()

    assert _json("--manifests", manifests)["total"]["requests"] == 3


def test_a_pipe_gets_plain_text_while_records_are_written(tmp_path: Path) -> None:
    """As a process of its own, beside a data plane that has the journal open: no colour, no box."""
    book = _exported(tmp_path)
    command = [sys.executable, "-P", "-m", "sluice_cli", "usage", str(tmp_path), "--by", "model"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    book.journal.close()

    assert done.stdout == (
        "model  requests  input  output     cost usd\n"
        "b            10    100     200  0.000000110\n"
        "a            10    100     200  0.000000100\n"
        "total        20    200     400  0.000000210\n"
    )


def test_memory_does_not_grow_with_records(tmp_path: Path) -> None:
    """What is read is summed and let go: memory is by groups and gaps."""
    program = """
import sys
from collections import Counter
from pathlib import Path
from sluice_cli import usage_inputs
from sluice_cli.usage_sums import Query, Sums
from support.memory import peak_bytes
sums = Sums(Query(by=("model", "day")))
sums.take(usage_inputs.records([Path(sys.argv[1])], Counter()))
before = peak_bytes()
sums.take(usage_inputs.records([Path(sys.argv[2])], Counter()))
print(peak_bytes() - before, sums.total.records)
"""
    small = write(tmp_path / "small.jsonl", (record(n) for n in range(1, 1_001)))
    large = write(tmp_path / "large.jsonl", (record(n) for n in range(1_001, 100_001)))
    command = [sys.executable, "-c", program, str(small), str(large)]
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=path, capture_output=True, check=True, timeout=120)
    more_bytes, records = map(int, done.stdout.split())

    assert records == 100_000
    assert more_bytes < 4 * 1024**2 < large.stat().st_size


def _count(server: RedisServer, *folders: Path, but: tuple[int, ...] = ()) -> None:
    """Let the real store count what the journals hold, as replicas do; leave out the settlements *but*."""

    async def send() -> None:
        store = RedisStore(server.url, monotonic_ms=lambda: time.monotonic_ns() // 10**6, draw=lambda: 0.5)
        running = asyncio.ensure_future(store.run())
        try:
            for folder in folders:
                source = (folder / "journal" / "source").read_text().strip()
                await store.hello(source)
                entries = [entry for entry in _entries(folder) if entry.n not in but]
                assert set(await store.apply(source, entries)) == {None}
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await store.close()

    asyncio.run(send())


def _entries(folder: Path) -> Iterator[Entry]:
    held = {}
    for segment in sorted((folder / "journal").glob("*.log")):
        for line in replay.read(segment, lambda *_: None):
            if isinstance(line, HoldLine):
                held[line.reservation.id] = line.reservation
            elif isinstance(line, SettleLine):
                settlement = Settlement(held[line.id], line.used, line.spent)
                yield Entry(line.n, settlement, msgspec.json.encode(line.record))


def test_journals_and_store_that_agree_are_equal(tmp_path: Path, empty: RedisServer) -> None:
    """Two replicas' journals against what the real store counted of them: equal to the last unit, exit status 0."""
    for name, source in (("a", SOURCE), ("b", OTHER)):
        _exported(tmp_path / name, source).journal.close()
    _count(empty, tmp_path / "a", tmp_path / "b")
    result = _usage(tmp_path / "a", tmp_path / "b", "--reconcile", "--redis", empty.url)

    assert (result.exit_code, result.output) == (0, "2 figures compared, all equal\n")
    assert _json("--redis", empty.url)["total"] == _json(tmp_path / "a", tmp_path / "b")["total"]


def test_what_the_store_has_not_counted_yet_is_no_difference(tmp_path: Path, empty: RedisServer) -> None:
    """Settlements on their way, and numbers that were skipped, are told by the store's own marks."""
    _exported(tmp_path).journal.close()
    _count(empty, tmp_path, but=(3, 7, 19, 20))

    assert _usage(tmp_path, "--reconcile", "--redis", empty.url).exit_code == 0


@pytest.mark.parametrize(
    ("spoil", "verdict"),
    [
        (lambda client: client.hincrby(MONTH, "posted", 1), "too much"),
        (lambda client: client.hincrby(MONTH, "posted", -1), "lost"),
        (lambda client: client.delete(MONTH), "lost"),
    ],
)
def test_a_single_unit_is_found(
    tmp_path: Path, empty: RedisServer, spoil: Callable[[Any], object], verdict: str
) -> None:
    """Exit status 1, and which account, by how much."""
    _exported(tmp_path).journal.close()
    _count(empty, tmp_path)
    spoil(empty.client)
    result = _usage(tmp_path, "--reconcile", "--redis", empty.url, "--format", "json")
    (row,) = json.loads(result.stdout)["differences"]

    assert result.exit_code == 1
    assert (row["budget"], row["window"], row["subject"], row["verdict"]) == ("uid", "2026-11", "-", verdict)
    assert row["difference"] == row["store"] - row["journals"]


def test_without_all_journals_a_surplus_is_told_and_not_proven(tmp_path: Path, empty: RedisServer) -> None:
    """Exit status 3: whose journal is missing, and that the figures cannot be explained without it."""
    for name, source in (("a", SOURCE), ("b", OTHER)):
        _exported(tmp_path / name, source).journal.close()
    _count(empty, tmp_path / "a", tmp_path / "b")
    result = _usage(tmp_path / "a", "--reconcile", "--redis", empty.url)

    assert result.exit_code == 3
    assert result.stderr == f"warning: source {OTHER}: its journal was not given\n"
    assert result.stdout.splitlines()[-1] == (
        "2 figures compared, 0 differ, 2 cannot be explained by these journals alone"
    )
    assert result.stdout.splitlines()[0].split() == [
        "budget", "window", "subject", "bucket", "store", "journals", "difference", "verdict",
    ]  # fmt: skip


def test_differences_may_be_read_by_a_program(tmp_path: Path, empty: RedisServer) -> None:
    """CSV has one line a difference under a line of names, and none where there is none."""
    _exported(tmp_path).journal.close()
    _count(empty, tmp_path)
    args = (tmp_path, "--reconcile", "--redis", empty.url, "--format", "csv")
    equal = _usage(*args).stdout.splitlines()
    empty.client.hincrby(DAY, "posted", 5)

    assert equal == ["budget,window,subject,bucket,store,journals,difference,verdict"]
    assert _usage(*args).stdout.splitlines()[1:] == ["uid,2026-11-18,vk,,195,190,5,too much"]
