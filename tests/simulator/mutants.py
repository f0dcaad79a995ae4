"""Deliberate defects: each breaks one thing that the protocol rests on, and names the oracles that may catch it.

A defect in Lua is a piece of text and what stands in its place; one in Python replaces a method.  A piece that is not
found exactly once fails loudly: a mutant that mutates nothing proves nothing.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from simulator import mutants_python as py
from simulator.server import simulated_text
from sluice_dataplane.limits.marks import Marks
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.scripts import Script, Scripts
from sluice_dataplane.usage import crash, writer
from sluice_dataplane.usage.calls import Calls
from sluice_dataplane.usage.ledger import Ledger
from sluice_dataplane.usage.outbox import Outbox
from sluice_dataplane.usage.rejoin import Rejoin
from sluice_dataplane.usage.replay import State
from sluice_dataplane.usage.slices import Slices


class Mutant(msgspec.Struct, frozen=True):
    """One defect.

    ``caught_by``: what the violations it leads to begin with.  ``seeds`` are tried first: they caught it when it was
    written down, and spare the search for defects that need rare luck.
    """

    caught_by: tuple[str, ...]
    lua: tuple[tuple[str, str, str], ...] = ()  # script, text, what stands in its place
    python: tuple[tuple[Any, str, Any], ...] = ()  # owner, name, what stands in its place
    seeds: tuple[int, ...] = ()


def _lua(script: str, text: str, instead: str, *caught_by: str, seed: int = 0) -> Mutant:
    return Mutant(caught_by, lua=((script, text, instead),), seeds=(seed,))


def _python(owner: Any, name: str, instead: Any, *caught_by: str, seed: int = 0) -> Mutant:
    return Mutant(caught_by, python=((owner, name, instead),), seeds=(seed,))


_SUM: Final = "sum = sum + int(fields[f + 1])"

MUTANTS: Final[Mapping[str, Mutant]] = {
    # what the store admits
    "ignore-held": _lua("reserve", _SUM, f"if fields[f] ~= 'held' then {_SUM} end", "B.limit"),
    "ignore-orphaned": _lua("reserve", _SUM, f"if fields[f] ~= 'orphaned' then {_SUM} end", "B.limit"),
    "first-budget-only": _lua(
        "reserve", "asks and ARGV[a + 3] == '1'", "asks and k == slots + 1 and ARGV[a + 3] == '1'", "B.limit"
    ),
    "window-forgets-early": _lua("reserve", "at + 0 < oldest + 0", "at + 0 < oldest + 20", "B.overspent", "B.unknown"),
    "slots-unchecked": _lua("reserve", "live >= ARGV[a] + 0", "live > ARGV[a] + 0", "B.slots"),
    # what happens to holds
    "release-on-expiry": _lua(
        "reap", "'orphaned', int(sums[2]) + int(amount)", "'orphaned', int(sums[2])", "B.unknown", "L.left"
    ),
    "no-tombstone": _lua("apply", "write('HSET', KEYS[9], 'state', 'settled')", "", "L.left"),
    "slots-not-released": _lua("apply", "write('ZREM', key, ARGV[5])", "write('ZSCORE', key, ARGV[5])", "L.left"),
    "no-refund": _lua("apply", "and ARGV[a] ~= '0'\n", "and ARGV[a] + 0 < 0\n", "L.rates"),
    "hold-kept": _lua("apply", "took, int(sums[2]) - amount", "took, int(sums[2])", "L.left"),
    # what counts
    "no-dedupe": _lua("apply", "== 0 then return 0 end", "== 0 then new = 0 end", "L.posted"),
    "no-holes": _lua("apply", "do write('SADD', KEYS[3], skipped) end", "do end", "L.posted"),
    "unknown-hold-is-free": _lua("apply", "ARGV[a] + 0\n", "took and ARGV[a] + 0 or 0\n", "L.posted"),
    "wrong-bucket": _lua(
        "apply", "'b' .. ARGV[a + 2]", "'b' .. string.format('%.0f', math.floor(now_ms / 1000))", "L.posted"
    ),
    "wrong-window": _lua(
        "apply",
        "local posted, amount",
        "key = now_ms < 4102444800000 and key or string.gsub(key, ':old:', ':new:') local posted, amount",
        "L.posted",
    ),
    "record-not-streamed": _lua("apply", "if ARGV[7] ~= '' and", "if ARGV[7] ~= '' and n % 7 ~= 0 and", "L.stream"),
    # what a loss is answered with
    "no-fence": _lua("reserve", "if asks and fenced(store[2], ARGV[2]) then return {'fenced'} end", "", "B.unknown"),
    "fence-not-raised": _lua("hello", "run, 'fence', fence)", "run)", "B.unknown"),
    "one-suffices": _lua("caught_up", "then waiting = waiting + 1 end", "then waiting = 0 end", "B.unknown"),
    "no-patience": _lua("caught_up", " or math.abs(now_ms - store[2]) < ARGV[4] + 0", "", "B.unknown"),
    "any-run": _lua("reserve", "if store[1] ~= ARGV[1] then return {'hello'} end", "", "B.unknown", seed=6),
    "restored-without-marks": _lua(
        "restore", "if kind == 'SADD' then", "if key == KEYS[2] then elseif kind == 'SADD' then", "L.posted"
    ),
    "restored-in-the-same-run": _lua("restore", "store[1] .. '+'", "store[1]", "B.unknown"),
    # the data plane
    "told-too-early": _python(Outbox, "told", py.told_too_early, "B.unknown"),
    "nothing-asserted": _python(Rejoin, "_assert", py.nothing_asserted, "B.unknown"),
    "acknowledged-unheard": _python(Outbox, "_answered", py.acknowledged_unheard, "L.posted"),
    "holes-not-filled": _python(Outbox, "rewind", py.holes_not_filled, "L.marks"),
    "reserve-before-journal": _python(Ledger, "open", py.reserve_before_journal, "L.left"),
    "rotation-forgets": _python(Calls, "lines", py.rotation_forgets, "L.posted", "L.left"),
    "torn-number-skipped": _python(State, "damage", py.torn_number_skipped, "L.numbers"),
    "void-charges": _python(writer, "void", py.void_charges, "L.records"),
    "void-forgotten": _python(Ledger, "_untaken", py.void_forgotten, "L.left"),
    "crash-record-dropped": _python(crash, "settled", py.crash_record_dropped, "L.records"),
    "crash-is-free": _python(crash, "settled", py.crash_is_free, "L.records"),
    "slice-drawn-twice": _python(Slices, "draw", py.slice_drawn_twice, "B.unknown"),
    "slice-given-back-at-once": _python(Slices, "draw", py.slice_given_back_at_once, "B.unknown", seed=259),
    "slice-not-in-journal": _python(Slices, "lines", py.slice_not_in_journal, "L.left"),
    # counters in memory
    "memory-no-dedupe": _python(Marks, "count", py.memory_no_dedupe, "L.posted"),
    "memory-hold-kept": _python(MemoryStore, "_give_back", py.memory_hold_kept, "L.left"),
}


@contextlib.contextmanager
def applied(mutant: Mutant | None) -> Iterator[Scripts]:
    """The scripts with *mutant*'s defect, as long as the ``with`` lasts; None: without any."""
    texts = {name: simulated_text(script.text) for name, script in msgspec.structs.asdict(Scripts.load()).items()}
    for script, text, instead in mutant.lua if mutant else ():
        if texts[script].count(text) != 1:
            raise ValueError(f"{script}.lua has {text!r} {texts[script].count(text)} times")
        texts[script] = texts[script].replace(text, instead)
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in (mutant.python if mutant else ())]
    try:
        for owner, name, instead in mutant.python if mutant else ():
            setattr(owner, name, instead)
        yield Scripts(**{name: Script.of(text) for name, text in texts.items()})
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)
