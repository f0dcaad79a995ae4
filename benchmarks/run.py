"""The cost of one call: Sluice beside a naive aiohttp proxy, with nginx as the floor, in one run.

    python benchmarks/run.py [--rounds 5] [--seconds 4] [--keys 1000]

Prints a Markdown table.  Rounds take turns (A B C A B C …), so that a drifting machine hits all alike; the
figures are medians, the ratio is the median of the ratios within a round.  Only 127.0.0.1 is loaded.
"""

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import gateways
from gateways import GATEWAY_CORE, LOAD_CORE, Gateway
from measure import Load, load, rss_mb, wait_until_answers

UPSTREAM_PORT, NGINX_PORT, NAIVE_PORT, SLUICE_PORT = 18_900, 18_901, 18_902, 18_903
KEY = "sk-bench-0"
PROMPT = "x" * 120


def main() -> None:
    """Start everything, measure, print, stop everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--keys", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        rows = _gateways(directory, options.keys)
        processes = [_start(gateways.upstream(directory, UPSTREAM_PORT), LOAD_CORE)]
        try:
            processes += [_start(row.command, GATEWAY_CORE) for row in rows]
            for row in rows:
                wait_until_answers(row.port, row.key)
            _table(rows, [process.pid for process in processes[1:]], _scripts(directory, rows), options)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)


def _gateways(directory: Path, keys: int) -> list[Gateway]:
    upstream_url = f"http://127.0.0.1:{UPSTREAM_PORT}"
    naive = (sys.executable, str(Path(__file__).with_name("naive_proxy.py")), str(NAIVE_PORT), upstream_url)
    manifests = directory / "manifests"
    manifests.mkdir()
    digests = [hashlib.sha256(f"sk-bench-{n}".encode()).hexdigest() for n in range(keys)]
    written = [gateways.KEY.substitute(n=n, digest=digest) for n, digest in enumerate(digests)]
    (manifests / "all.yaml").write_text(gateways.MANIFESTS.substitute(port=UPSTREAM_PORT) + "".join(written))
    sluice = (
        *(str(Path(sys.executable).with_name("sluice")), "serve", str(manifests), "--data", str(directory / "data")),
        *("--port", str(SLUICE_PORT), "--admin-port", str(SLUICE_PORT + 100)),
    )
    return [
        Gateway("nginx, bare pass-through", NGINX_PORT, gateways.bare_nginx(directory, NGINX_PORT, UPSTREAM_PORT)),
        Gateway("naive aiohttp proxy", NAIVE_PORT, naive),
        Gateway("Sluice standalone: key, rpm, two budgets, usage, cost, journal, log", SLUICE_PORT, sluice, KEY),
    ]


def _start(command: tuple[str, ...], core: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["taskset", "-c", core, *command], stdout=subprocess.DEVNULL, env={**os.environ})


def _scripts(directory: Path, rows: list[Gateway]) -> list[Path]:
    scripts = []
    for row in rows:
        script = directory / f"{row.port}.lua"
        script.write_text(
            'wrk.method = "POST"\n'
            f'wrk.body = [[{{"model":"m","max_tokens":100,"messages":[{{"role":"user","content":"{PROMPT}"}}]}}]]\n'
            'wrk.headers["Content-Type"] = "application/json"\n'
            f'wrk.headers["Authorization"] = "Bearer {row.key}"\n'
        )
        scripts.append(script)
    return scripts


def _table(rows: list[Gateway], pids: list[int], scripts: list[Path], options: argparse.Namespace) -> None:
    runs: dict[tuple[str, int], list[Load]] = {}
    for connections in (16, 64, 1):
        for number in range(options.rounds + 1):
            for row, pid, script in zip(rows, pids, scripts, strict=True):
                one = load(row.port, pid, script, connections=connections, seconds=options.seconds, core=LOAD_CORE)
                if one.errors:
                    raise SystemExit(f"{row.name}: {one.errors} of {one.requests} calls failed")
                if number:  # the first round warms up
                    runs.setdefault((row.name, connections), []).append(one)
    naive = rows[1].name
    direct = [
        load(UPSTREAM_PORT, os.getpid(), scripts[0], connections=1, seconds=options.seconds, core=LOAD_CORE)
        for _ in range(options.rounds)
    ]
    floor_us = _median([one.p50_us for one in direct])
    heads = ["gateway", "CPU µs/call, 16 conn.", "÷ naive", "64 conn.", "÷ naive", "calls/s", "p50 added", "RSS MB"]
    print("| " + " | ".join(heads) + " |")
    print("|---" * len(heads) + "|")
    for row, pid in zip(rows, pids, strict=True):
        cells = [row.name]
        for connections in (16, 64):
            mine, theirs = runs[row.name, connections], runs[naive, connections]
            ratios = [a.cpu_us_per_request / b.cpu_us_per_request for a, b in zip(mine, theirs, strict=True)]
            cells += [f"{_median([one.cpu_us_per_request for one in mine]):.0f}", f"{_median(ratios):.2f}"]
        cells += [f"{_median([one.requests_per_second for one in runs[row.name, 16]]):,.0f}"]
        cells += [
            f"{(_median([one.p50_us for one in runs[row.name, 1]]) - floor_us) / 1000:.2f} ms",
            f"{rss_mb(pid):.0f}",
        ]
        print("| " + " | ".join(cells) + " |")


def _median(values: list[float]) -> float:
    return statistics.median(values)


if __name__ == "__main__":
    main()
