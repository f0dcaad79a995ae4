"""CPU, latency and memory of a process tree under wrk, read from /proc."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
START_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Load:
    """One measured run."""

    requests: int
    cpu_us_per_request: float
    requests_per_second: float
    p50_us: float
    errors: int


def tree(pid: int) -> list[int]:
    """*pid* and everything below it."""
    found = [pid]
    for child in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = child.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found += tree(int(child.parent.name))
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the tree, with children it has reaped."""
    total = 0
    for member in tree(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        total += sum(int(field) for field in fields[11:15])
    return total / TICKS_PER_SECOND


def rss_mb(pid: int) -> float:
    """Resident memory of the tree, in 10^6 bytes."""
    pages = sum(int(Path(f"/proc/{member}/statm").read_text().split()[1]) for member in tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def wait_until_answers(port: int, key: str, *, stream: bool = False) -> None:
    """Return once a chat call, of a provider that only streams or never does, is answered with 200."""
    deadline = time.monotonic() + START_SECONDS
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": stream}
    with httpx.Client(trust_env=False) as client:
        while True:
            try:
                url = f"http://127.0.0.1:{port}/v1/chat/completions"
                answer = client.post(url, json=body, headers={"authorization": f"Bearer {key}"})
                if answer.status_code == 200:
                    return
                problem = answer.text[:300]
            except httpx.TransportError as error:
                problem = str(error)
            if time.monotonic() > deadline:
                raise TimeoutError(f"port {port} did not answer: {problem}")


def streams(port: int, pid: int, key: str, *, at_once: int, seconds: int, core: str) -> float:
    """Take *at_once* streams at a time from *port*; the CPU, in microseconds, that *pid*'s tree used for each."""
    before = cpu_seconds(pid)
    client = [sys.executable, str(Path(__file__).with_name("streams.py")), "take", str(port), key]
    command = ["taskset", "-c", core, *client, str(at_once), str(seconds)]
    whole, broken = map(int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    if broken or not whole:
        raise SystemExit(f"port {port}: {broken} of {whole + broken} streams did not come whole")
    return (cpu_seconds(pid) - before) / whole * 1e6


def load(port: int, pid: int, script: Path, *, connections: int, seconds: int, core: str) -> Load:
    """Drive wrk against *port* and charge *pid*'s tree with what it used meanwhile."""
    before = cpu_seconds(pid)
    command = ["taskset", "-c", core, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script)]
    text = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/v1/chat/completions"], check=True, capture_output=True, text=True
    ).stdout
    used = cpu_seconds(pid) - before
    requests = int(re.search(r"(\d+) requests in", text)[1])
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Load(
        requests=requests,
        cpu_us_per_request=used / requests * 1e6,
        requests_per_second=float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        p50_us=_microseconds(re.search(r"50%\s+([\d.]+\w+)", text)[1]),
        errors=int(errors[1]) if errors else 0,
    )


def _microseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]
