"""Every decoder, fed what nobody meant to send.  ``make fuzz`` for long runs, ``tests/fuzz`` for a million.

``python -m fuzz.run [--inputs N] [--seed N] [--target NAME] [--one NAME:NUMBER]``, with ``tests`` on the path.  An
input is made of the run's seed, its target and its number: ``--one`` shows it again.  Promised are the named errors and
no others, an end in time, memory in proportion to the input, and what :mod:`fuzz.oracles` says of what comes out.
"""

import argparse
import faulthandler
import multiprocessing
import os
import re
import sys
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from random import Random
from typing import Final

import msgspec

from fuzz.targets import TARGETS, Target
from support.memory import peak_bytes

WORKERS: Final = min(os.cpu_count() or 1, 4)
BATCH: Final = 500
MOST_SECONDS: Final = 1.0  # of one input, on the processor; they are of a few kilobytes
HANG_SECONDS: Final = 120.0  # then the worker says where it hangs, and ends
MEASURED: Final = 101  # of so many inputs, the memory of one is measured
SPARE_BYTES: Final = 2 * 1024 * 1024
BYTES_FOR_EACH: Final = 200  # of the input: ``[],`` becomes an object of 100 bytes in two or three forms
MOST_RSS_MIB: Final = 512


class Finding(msgspec.Struct, frozen=True):
    """One input that broke a promise."""

    target: str
    number: int
    what: str
    input: bytes


class Done(msgspec.Struct, frozen=True):
    """What came of one batch."""

    target: str
    outcomes: dict[str, int]
    findings: tuple[Finding, ...]
    slowest_ms: float
    most_memory: int
    rss_mib: int


def batches(total: int, only: str = "") -> Iterator[tuple[str, int, int]]:
    """Targets with ranges of numbers, so many in all; each target gets its share, in turn with the others."""
    names = [name for name in TARGETS if name.startswith(only)]
    whole = sum(TARGETS[name].weight for name in names)
    shares = {name: -(-total * TARGETS[name].weight // whole) for name in names}
    for first in range(0, max(shares.values()), BATCH):
        for name, share in shares.items():
            if first < share:
                yield name, first, min(first + BATCH, share)


def run(total: int, seed: int, *, only: str = "", workers: int = WORKERS) -> Iterator[Done]:
    """What came of *total* inputs, batch by batch."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        work = [(seed, *batch) for batch in batches(total, only)]
        yield from pool.map(_batch, work, chunksize=1)


def _batch(work: tuple[int, str, int, int]) -> Done:
    seed, name, first, end = work
    outcomes, findings = Counter[str](), []
    slowest, memory = 0.0, 0
    faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
    for number in range(first, end):
        data, rng = made(seed, name, number)
        begun = time.process_time()
        if number % MEASURED == 0:
            outcome, peak = _measured(name, data, rng)
            memory = max(memory, peak)
            took = 0.0
        else:
            outcome = attempt(name, data, rng)
            took = time.process_time() - begun
        slowest = max(slowest, took)
        if took > MOST_SECONDS:
            outcome = f"! took {took:.1f} s for {len(data)} bytes"
        if outcome.startswith("!"):
            findings.append(Finding(name, number, outcome, data))
        outcomes[outcome if not outcome.startswith("!") else "broken promise"] += 1
    faulthandler.cancel_dump_traceback_later()
    rss = peak_bytes() // 1024**2
    return Done(name, outcomes, tuple(findings[:20]), slowest * 1000, memory, rss)


def made(seed: int, name: str, number: int) -> tuple[bytes, Random]:
    """The input *number* of a target, and what is left of its chance."""
    rng = Random(f"{seed} {name} {number}")
    return TARGETS[name].make(rng), rng


def attempt(name: str, data: bytes, rng: Random, targets: Mapping[str, Target] = TARGETS) -> str:
    """What came of it; where a promise is broken, how, after an exclamation mark."""
    try:
        return targets[name].check(data, rng)
    except Exception as error:  # noqa: BLE001  that is what is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"! {type(error).__name__}: {str(error)[:300]} ({place.filename.rpartition('/')[2]}:{place.lineno})"


def _measured(name: str, data: bytes, rng: Random) -> tuple[str, int]:
    tracemalloc.start()
    try:
        outcome = attempt(name, data, rng)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if peak > SPARE_BYTES + BYTES_FOR_EACH * len(data):
        return f"! took {peak} bytes of memory for {len(data)}", peak
    return outcome, peak


def table(done: Iterable[Done]) -> tuple[str, list[Finding]]:
    """A line for each target, and all that was found."""
    sums: dict[str, list[Done]] = {}
    for each in done:
        sums.setdefault(each.target, []).append(each)
    lines, findings, total = [], [], 0
    for name, ones in sorted(sums.items()):
        outcomes = sum((Counter(one.outcomes) for one in ones), Counter[str]())
        total += outcomes.total()
        told = ", ".join(f"{what} {count:,}" for what, count in outcomes.most_common(6))
        lines.append(
            f"{name:28} {outcomes.total():>9,}  {max(one.slowest_ms for one in ones):>7.1f} ms"
            f"  {max(one.most_memory for one in ones) / 1024:>8,.0f} KiB  {told}"
        )
        findings += [finding for one in ones for finding in one.findings]
    rss = max((one.rss_mib for each in sums.values() for one in each), default=0)
    lines.append(f"{total:,} inputs of {len(sums)} targets; {rss} MiB in the largest process; {len(findings)} findings")
    return "\n".join(lines), findings


def described(findings: list[Finding], seed: int, most: int = 60) -> str:
    """The first of each kind of finding, with how to see it again."""
    kinds: dict[tuple[str, str], Finding] = {}
    for each in findings:
        kinds.setdefault((each.target, re.sub(r"\d+", "N", each.what)[:60]), each)
    return "\n".join(
        f"{each.what}\n    {each.input[:600]!r}\n    --seed {seed} --one '{each.target}:{each.number}'"
        for each in list(kinds.values())[:most]
    )


def main() -> int:
    """The command line; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(prog="fuzz.run", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", default="", help="only those whose names begin so")
    parser.add_argument("--one", default="", metavar="TARGET:NUMBER")
    args = parser.parse_args()
    if args.one:
        name, _, number = args.one.rpartition(":")
        data, rng = made(args.seed, name, int(number))
        sys.stdout.write(f"{data!r}\n")
        sys.stdout.write(f"{TARGETS[name].check(data, rng)}\n")
        return 0
    lines, findings = table(run(args.inputs, args.seed, only=args.target))
    sys.stdout.write(f"{lines}\n{described(findings, args.seed)}\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
