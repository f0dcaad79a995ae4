"""A million inputs, none of which breaks a promise.  What is fed and what must hold: see the modules beside this."""

import os
from collections.abc import Callable
from random import Random

from fuzz.run import MOST_RSS_MIB, Finding, attempt, described, made, run, table
from fuzz.targets import TARGETS, Target
from support.memory import peak_bytes

INPUTS = int(os.environ.get("SLUICE_FUZZ_INPUTS", "1000000"))
SEED = int(os.environ.get("SLUICE_FUZZ_SEED", "1"))
# Targets with one outcome for all: headers are passed or not; bytes nobody looks into are whole; counts have no stream.
ALIKE = frozenset(("headers", "stream speech", "stream passthrough", "stream response", "stream count_tokens",
                   "stream gemini_count", "stream gemini_embeddings"))  # fmt: skip


def test_a_million_inputs_break_no_promise(figure: Callable[[str, object], None]) -> None:
    """Of every decoder: the named errors only, an end in time, memory in proportion, and what comes out holds."""
    done = list(run(INPUTS, SEED))
    lines, findings = table(done)
    print(lines)  # noqa: T201  counts, for who asks with -s

    assert not findings, f"\n{described(findings, SEED)}"
    assert max(each.rss_mib for each in done) < MOST_RSS_MIB
    assert sum(sum(each.outcomes.values()) for each in done) >= INPUTS
    figure("inputs", f"{lines.splitlines()[-1]}")


def test_a_worker_tells_its_own_memory() -> None:
    """The bound is on what decoders need: in a run of all tests, the process that starts the workers has more."""
    ours = bytearray(2 * MOST_RSS_MIB * 1024**2)

    assert peak_bytes() >= len(ours)
    assert all(0 < each.rss_mib < MOST_RSS_MIB for each in run(TARGETS["paths"].weight, SEED, only="paths"))


def test_every_target_gets_both_what_is_right_and_what_is_wrong() -> None:
    """A mutator whose every input is refused at the door proves nothing of what is behind it."""
    for name in TARGETS:
        outcomes = set()
        for number in range(400):
            data, rng = made(SEED, name, number)
            outcomes.add(attempt(name, data, rng))

        assert len(outcomes) > 1 or name in ALIKE, f"{name}: {outcomes}"


def test_a_broken_promise_is_a_finding() -> None:
    """Whatever is raised is caught, named with its place, and shown with the way to see it again."""

    def check(data: bytes, _: object) -> str:
        return str(data[99])

    outcome = attempt("broken", b"x", Random(1), {"broken": Target(lambda _: b"x", check, 1)})

    assert outcome.startswith("! IndexError: index out of range (test_fuzz.py:")
    assert "--seed 7 --one 'broken:3'" in described([Finding("broken", 3, outcome, b"x")], 7)
