"""The cost of one call: Sluice beside a naive aiohttp proxy, with nginx as the floor, in one run.

    python benchmarks/run.py [--rounds 5] [--seconds 4] [--keys 1000] [--only calls|streams]

Prints Markdown tables.  Rounds take turns (A B C A B C …), so that a drifting machine hits all alike; the
figures are medians, the ratio is the median of the ratios within a round.  Only 127.0.0.1 is loaded.
"""

import argparse
import contextlib
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import gateways
from gateways import GATEWAY_CORE, LOAD_CORE, Gateway
from measure import Load, load, rss_mb, streams, wait_until_answers

UPSTREAM_PORT, NGINX_PORT, NAIVE_PORT, SLUICE_PORT, REDIS_PORT = 18_900, 18_901, 18_902, 18_903, 18_906
KEY = "sk-bench-0"
PROMPT = "x" * 120
STREAMS = 64
PYTHON = (sys.executable,)
HERE = Path(__file__).parent

T = TypeVar("T")
Rows = Sequence[tuple[Gateway, int]]  # with its process


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--only", choices=["calls", "streams"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        _write_manifests(directory / "manifests", options.keys)
        if options.only != "streams":
            upstream = gateways.upstream(directory, UPSTREAM_PORT)
            with _running(directory, upstream) as rows:
                _print_calls(rows, directory, options)
        if options.only != "calls":
            upstream = (*PYTHON, str(HERE / "streams.py"), "serve", str(UPSTREAM_PORT))
            with _running(directory, upstream, stream=True) as rows:
                _print_streams(rows, options)


def _write_manifests(directory: Path, keys: int) -> None:
    directory.mkdir()
    digests = [hashlib.sha256(f"sk-bench-{n}".encode()).hexdigest() for n in range(keys)]
    written = [gateways.KEY.substitute(n=n, digest=digest) for n, digest in enumerate(digests)]
    (directory / "all.yaml").write_text(gateways.MANIFESTS.substitute(port=UPSTREAM_PORT) + "".join(written))


def _gateways(directory: Path) -> list[Gateway]:
    naive = (*PYTHON, str(HERE / "naive_proxy.py"), str(NAIVE_PORT), f"http://127.0.0.1:{UPSTREAM_PORT}")
    found = [
        Gateway("nginx, bare pass-through", NGINX_PORT, gateways.bare_nginx(directory, NGINX_PORT, UPSTREAM_PORT)),
        Gateway("naive aiohttp proxy", NAIVE_PORT, naive),
        _sluice("Sluice, counters in memory", directory, SLUICE_PORT),
    ]
    if shutil.which("redis-server"):
        # Redis shares its core with the load: a pause there must not look like a Redis that is away.
        redis = {"SLUICE_REDIS_URL": f"redis://127.0.0.1:{REDIS_PORT}/0", "SLUICE_STORE_DEADLINE_MS": "1000"}
        found.append(_sluice("Sluice, counters in Redis", directory, SLUICE_PORT + 1, redis))
    return found


def _sluice(name: str, directory: Path, port: int, environ: dict[str, str] | None = None) -> Gateway:
    data = directory / f"data-{port}"
    serve = (str(Path(sys.executable).with_name("sluice")), "serve", str(directory / "manifests"), "--data", str(data))
    ports = ("--port", str(port), "--admin-port", str(port + 100))
    return Gateway(name, port, (*serve, *ports), KEY, environ or {})


@contextlib.contextmanager
def _running(directory: Path, upstream: tuple[str, ...], *, stream: bool = False) -> Iterator[Rows]:
    """Every gateway in front of *upstream*, and a Redis; all of them end with the block."""
    rows = _gateways(directory)
    redis = ("redis-server", "--port", str(REDIS_PORT), "--save", "", "--bind", "127.0.0.1", "--loglevel", "warning")
    others = [upstream, redis] if len(rows) > 3 else [upstream]
    with (directory / "log").open("ab") as log:
        processes = [_start(command, LOAD_CORE, {}, log.fileno()) for command in others]
        try:
            started = [_start(row.command, GATEWAY_CORE, row.environ, log.fileno()) for row in rows]
            processes += started
            for row in rows:
                wait_until_answers(row.port, row.key, stream=stream)
            yield [(row, process.pid) for row, process in zip(rows, started, strict=True)]
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)


def _start(command: tuple[str, ...], core: str, environ: dict[str, str], log: int) -> subprocess.Popen[bytes]:
    pinned = ["taskset", "-c", core, *command]
    return subprocess.Popen(pinned, stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, **environ})


def _script(directory: Path, row: Gateway) -> Path:
    script = directory / f"{row.port}.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        f'wrk.body = [[{{"model":"m","max_tokens":100,"messages":[{{"role":"user","content":"{PROMPT}"}}]}}]]\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
        f'wrk.headers["Authorization"] = "Bearer {row.key}"\n'
    )
    return script


def _print_calls(rows: Rows, directory: Path, options: argparse.Namespace) -> None:
    scripts = {row.port: _script(directory, row) for row, _ in rows}

    def measure(row: Gateway, pid: int, connections: int) -> Load:
        script, seconds = scripts[row.port], options.seconds
        one = load(row.port, pid, script, connections=connections, seconds=seconds, core=LOAD_CORE)
        if one.errors:
            raise SystemExit(f"{row.name}: {one.errors} of {one.requests} calls failed")
        return one

    at = {n: _rounds(rows, options.rounds, lambda row, pid, n=n: measure(row, pid, n)) for n in (16, 64, 1)}
    direct = Gateway("the upstream itself", UPSTREAM_PORT, ())
    scripts[UPSTREAM_PORT] = scripts[rows[0][0].port]
    floor_us = _median([measure(direct, os.getpid(), 1).p50_us for _ in range(options.rounds)])
    _print_row("gateway", "CPU µs/call, 16 conn.", "÷ naive", "64 conn.", "÷ naive", "calls/s", "p50 added", "RSS MB")
    _print_row(*["---"] * 8)
    for row, pid in rows:
        cells = [row.name]
        for connections in (16, 64):
            mine, theirs = at[connections][row.port], at[connections][NAIVE_PORT]
            ratios = [a.cpu_us_per_request / b.cpu_us_per_request for a, b in zip(mine, theirs, strict=True)]
            cells += [f"{_median([one.cpu_us_per_request for one in mine]):.0f}", f"{_median(ratios):.2f}"]
        cells.append(f"{_median([one.requests_per_second for one in at[16][row.port]]):,.0f}")
        cells.append(f"{(_median([one.p50_us for one in at[1][row.port]]) - floor_us) / 1000:.2f} ms")
        _print_row(*cells, f"{rss_mb(pid):.0f}")
    print()


def _print_streams(rows: Rows, options: argparse.Namespace) -> None:
    def measure(row: Gateway, pid: int) -> float:
        return streams(row.port, pid, row.key, at_once=STREAMS, seconds=options.seconds, core=LOAD_CORE)

    found = _rounds(rows, options.rounds, measure)
    _print_row("gateway", f"CPU µs/stream, {STREAMS} at once", "÷ naive")
    _print_row(*["---"] * 3)
    for row, _ in rows:
        ratios = [a / b for a, b in zip(found[row.port], found[NAIVE_PORT], strict=True)]
        _print_row(row.name, f"{_median(found[row.port]):,.0f}", f"{_median(ratios):.2f}")


def _rounds(rows: Rows, rounds: int, measure: Callable[[Gateway, int], T]) -> dict[int, list[T]]:
    """Measurements by port, one a round; the first round warms up and is not counted."""
    found: dict[int, list[T]] = {row.port: [] for row, _ in rows}
    for number in range(rounds + 1):
        for row, pid in rows:
            one = measure(row, pid)
            if number:
                found[row.port].append(one)
    return found


def _print_row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def _median(values: list[float]) -> float:
    return statistics.median(values)


if __name__ == "__main__":
    main()
