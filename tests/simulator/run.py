"""Seeds, one by one or many at once.  ``make simulate SEED=4711`` shows all that happens in one of them.

``python -m simulator.run FIRST [END] [--trace] [--mutant NAME]``, with ``tests`` on the path.
"""

import argparse
import contextlib
import logging
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Final

from simulator.mutants import MUTANTS, applied
from simulator.server import Clockwork, Wire, running_clockwork, simulated, socket_of
from simulator.world import Outcome, simulate
from sluice_dataplane.limits.scripts import Scripts
from support.redis import running_redis

WORKERS: Final = min(os.cpu_count() or 1, 4)
AT_ONCE: Final = 4  # seeds that a worker takes from the queue

_clockwork: Clockwork | None = None  # a worker's own


def describe(outcome: Outcome) -> str:
    """What is wrong with a seed, and how to see it happen."""
    lines = [f"seed {outcome.seed}: {len(outcome.violations)} violations", *outcome.violations[:5]]
    return "\n    ".join([*lines, f"to see it: make simulate SEED={outcome.seed}"])


class Pool:
    """Processes that run seeds, each with a Redis of its own."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor

    def run(self, seeds: Iterable[int]) -> Iterator[Outcome]:
        """The outcomes of *seeds*, in their order."""
        return self._executor.map(_run, seeds, chunksize=AT_ONCE)

    def hunt(self, mutants: Iterable[str], most_seeds: int) -> Iterator[Outcome | None]:
        """For each of *mutants* a seed that catches it; None where none of its own and of *most_seeds* does."""
        return self._executor.map(_hunt, [(name, most_seeds) for name in mutants])


@contextlib.contextmanager
def running_pool(workers: int = WORKERS) -> Iterator[Pool]:
    """A pool, for the length of a ``with``."""
    context = multiprocessing.get_context("spawn")
    with contextlib.ExitStack() as stack:
        paths: SimpleQueue[Path] = context.SimpleQueue()
        for _ in range(workers):
            paths.put(socket_of(stack.enter_context(running_redis(unixsocket="redis.sock"))))
        executor = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(paths,))
        yield Pool(stack.enter_context(executor))


def _begin(paths: "SimpleQueue[Path]") -> None:
    global _clockwork  # noqa: PLW0603  what a pool's worker keeps from call to call can be nowhere else
    logging.disable(logging.CRITICAL)
    _clockwork = Clockwork(Wire(paths.get()))


def _run(seed: int) -> Outcome:
    assert _clockwork is not None
    return simulate(seed, _clockwork, simulated(Scripts.load()))


def _hunt(hunted: tuple[str, int]) -> Outcome | None:
    name, most_seeds = hunted
    assert _clockwork is not None
    mutant = MUTANTS[name]
    with applied(mutant) as scripts:
        for seed in (*mutant.seeds, *range(most_seeds)):
            outcome = simulate(seed, _clockwork, scripts)
            if any(violation.startswith(mutant.caught_by) for violation in outcome.violations):
                return outcome
    return None


def main() -> int:
    """The command line; 1 where something is violated."""
    parser = argparse.ArgumentParser(prog="simulator.run", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("end", type=int, nargs="?", help="the seed after the last one")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    args = parser.parse_args()
    seeds = range(args.first, args.end or args.first + 1)
    logging.disable(logging.NOTSET if args.trace else logging.CRITICAL)
    one_by_one = args.trace or args.mutant is not None or len(seeds) < WORKERS
    failed, tally = 0, Counter[str]()
    for outcome in _one_by_one(seeds, args.mutant, trace=args.trace) if one_by_one else _many(seeds):
        tally.update(outcome.tally)
        if outcome.violations:
            failed += 1
            _say(describe(outcome))
    _say(
        f"{failed} of {len(seeds)} seeds failed; "
        + ", ".join(f"{name} {count}" for name, count in sorted(tally.items()))
    )
    return 1 if failed else 0


def _many(seeds: Iterable[int]) -> Iterator[Outcome]:
    with running_pool() as pool:
        yield from pool.run(seeds)


def _one_by_one(seeds: Iterable[int], mutant: str | None, *, trace: bool) -> Iterator[Outcome]:
    tell: Callable[[str], None] | None = _say if trace else None
    with running_clockwork() as clockwork, applied(MUTANTS[mutant] if mutant else None) as scripts:
        for seed in seeds:
            yield simulate(seed, clockwork, scripts, tell=tell)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
