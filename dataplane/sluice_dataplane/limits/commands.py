"""What is said to the scripts, and what they answer.  Pure: knows the commands, not the connection."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sluice_contract import names
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits import gcra
from sluice_dataplane.limits.marks import MOST_HOLES
from sluice_dataplane.limits.scripts import Command, Script, Scripts
from sluice_dataplane.limits.store import (
    Account,
    Charge,
    Checkpoint,
    Entry,
    FencedError,
    Held,
    Refused,
    Reservation,
    Standing,
    UngreetedError,
)

# How long a reservation that comes late finds its settlement.  A connection that is given up is reset, so that what
# it still had to send is gone, and only what the network holds can come; each call costs 220 bytes for so long.
SETTLED_KEPT_MS: Final = 600_000
USAGE_KEPT_MS: Final = 400 * 86_400_000
EXTEND_LIMIT: Final = 200  # holds per script: no script may keep Redis busy for long
REAP_LIMIT: Final = 100
CHECKPOINT_LIMIT: Final = 10_000  # keys: Redis is busy 4 µs for each, and nobody's call may wait longer than 50 ms
FENCE_MIN_MS: Final = 2_000  # other sources need time to come back; after a wipe nobody knows who they are
FENCE_MAX_MS: Final = 5_000  # a source that does not tell what it has must not keep all others out
ALIVE_MS: Final = 15_000  # a source counts as alive that long after it was heard of
MAX_DIGITS: Final = 16  # of a counter, sign included: what Lua can count exactly
RESTORED_TTL_MS: Final = 60_000  # for the owner of a hold that was put back to extend it

_HOLES: Final = names.holes("")
_Row = tuple[str, int, list[str]]  # a key, when it is forgotten (ms; -1: never), its fields and values


def hello(script: Script, source: str, nonce: str) -> Command:
    """The command that greets as *source* ("": nobody); a run that begins with it is named by *nonce*."""
    keys = [names.STORE, names.APPLIED, names.holes(source), names.BEATS, names.CAUGHT_UP]
    return script.command(keys, [source, nonce, FENCE_MAX_MS, ALIVE_MS])


def greeted(reply: Any) -> tuple[str, Standing]:  # noqa: ANN401  what Redis answers
    """The run that *reply* names, and what the store knows."""
    match reply:
        case [bytes(run), int(mark), int(fenced), int(total), int(alive), bytes(policy), *holes]:
            evicts = policy not in {b"noeviction", b""}
            unsafe = f"maxmemory-policy is {policy.decode()}: it may drop counters" if evicts else ""
            found = tuple(sorted(int(hole) for hole in holes))
            return run.decode(), Standing(mark, found, fenced == 1, total, alive, unsafe)
    raise _not_understood("hello")


def reserve(script: Script, run: str, reservation: Reservation, *, source: str, forced: bool) -> Command:
    """The command that takes *reservation*, none of whose rates has the amount 0."""
    rates, slots, charges = reservation.rates, reservation.slots, reservation.charges
    keys = [names.STORE, names.HOLDS, names.ACCOUNTS, names.hold(reservation.id)]
    args: list[str | int] = [run, FENCE_MAX_MS, reservation.id, reservation.ttl_ms, source, int(forced)]
    args += (len(rates), len(slots))
    for rate in rates:
        keys.append(rate.bucket)
        args += (gcra.cost_us(rate.cost, rate.amount, rate.window_ms), gcra.burst_us(rate))
    for slot in slots:
        keys.append(slot.slots)
        args.append(slot.limit)
    for charge in charges:
        keys.append(charge.account)
        args += (charge.amount, charge.limit, charge.expires_at_ms, int(charge.enforced), _bucket(charge))
        args.append(charge.oldest)
    return script.command(keys, args)


def reserved(reservation: Reservation, reply: Any) -> Held | Refused:  # noqa: ANN401  what Redis answers
    """What *reply* says of *reservation*.

    Raises:
        UngreetedError, FencedError: as they say; nothing was taken.
        StoreError: the hold was settled before; nothing was taken.
    """
    match reply:
        case [b"held", *seen]:
            count = len(reservation.rates)
            rates = reservation.rates
            states = tuple(gcra.state(rate, debt, gcra.burst_us(rate)) for rate, debt in zip(rates, seen, strict=False))
            taken = zip(reservation.charges, seen[count:], strict=True)
            return Held(states, tuple(charge.limit - amount for charge, amount in taken))
        case [b"rate", index, wait]:
            return Refused("rate", index, gcra.ceil_ms(wait))
        case [b"slot", index]:
            return Refused("slot", index, None)
        case [b"charge", index, available, *bucket]:
            return Refused("charge", index, None, available, *bucket)
        case [b"fenced"]:
            raise FencedError
        case [b"settled"]:
            raise StoreError("the hold was settled before it was taken", transient=False, maybe_done=False)
    raise unexpected("reserve", reply)


def apply(scripts: Scripts, run: str, source: str, entry: Entry, *, records_kept: int) -> Command:
    """The command that counts *entry* of *source*; *records_kept* is about how many the stream holds, 0: none."""
    if entry.first:
        keys = [names.STORE, names.APPLIED, names.holes(source)]
        return scripts.skip.command(keys, [run, source, entry.first, entry.n, MOST_HOLES])
    reservation, usage = entry.settlement.reservation, entry.settlement.usage
    rates = [pair for pair in zip(reservation.rates, entry.settlement.used, strict=True) if pair[0].amount > 0]
    keys = [names.STORE, names.APPLIED, names.holes(source), names.HOLDS, names.ORPHANS, names.ACCOUNTS, names.USAGES]
    keys += [names.USAGE_STREAM, names.hold(reservation.id)]
    args: list[bytes | str | int] = [run, source, entry.n, MOST_HOLES, reservation.id, SETTLED_KEPT_MS]
    args += (entry.record if records_kept else b"", records_kept)
    args += (len(rates), len(reservation.slots), len(reservation.charges))
    for rate, used in rates:
        keys.append(rate.bucket)
        args.append(gcra.refund_us(rate, used))
    keys += [slot.slots for slot in reservation.slots]
    for charge, spent in zip(reservation.charges, entry.settlement.spent, strict=True):
        keys.append(charge.account)
        args += (spent, charge.expires_at_ms, _bucket(charge))
    if usage is not None:
        keys.append(names.key_usage(usage.key_id, usage.month))
        args += (usage.requests, usage.input_tokens, usage.output_tokens, usage.cost_nusd, usage.at_ms, USAGE_KEPT_MS)
    return scripts.apply.command(keys, args)


def _bucket(charge: Charge) -> str | int:
    return "" if charge.bucket is None else charge.bucket


def extend(script: Script, run: str, source: str, hold_ids: Sequence[str], ttl_ms: int) -> Command:
    """The command that moves deadlines; at most EXTEND_LIMIT ids."""
    keys = [names.STORE, names.HOLDS, names.BEATS, *map(names.hold, hold_ids)]
    return script.command(keys, [run, source, ttl_ms, *hold_ids])


def extended(reply: Any) -> tuple[str, ...]:  # noqa: ANN401  what Redis answers
    """The ids that are not known there."""
    match reply:
        case [b"unknown", *ids]:
            return tuple(hold_id.decode() for hold_id in ids)
    raise unexpected("extend", reply)


def reap(script: Script, run: str) -> Command:
    """The command that orphans late holds."""
    keys = [names.STORE, names.HOLDS, names.ORPHANS, names.ACCOUNTS, names.USAGES]
    return script.command(keys, [run, names.hold(""), REAP_LIMIT])


def caught_up(script: Script, run: str, source: str) -> Command:
    """The command by which *source* says that it has told everything."""
    keys = [names.STORE, names.BEATS, names.CAUGHT_UP]
    return script.command(keys, [run, FENCE_MAX_MS, source, FENCE_MIN_MS, ALIVE_MS])


def checkpoint(script: Script, run: str) -> Command:
    """The command that reads everything."""
    keys = [names.STORE, names.APPLIED, names.HOLDS, names.ORPHANS, names.ACCOUNTS, names.USAGES]
    return script.command(keys, [run, FENCE_MAX_MS, names.hold(""), _HOLES, CHECKPOINT_LIMIT])


def read_checkpoint(reply: Any) -> Checkpoint | None:  # noqa: ANN401  what Redis answers
    """What *reply* holds; None where it was too much."""
    match reply:
        case []:
            return None
        case [int(total), bytes(rows)]:
            try:
                found = msgspec.msgpack.decode(rows, type=list[_Row])
            except msgspec.DecodeError:
                raise _not_understood("checkpoint") from None
            return Checkpoint(total, tuple(map(_flat, found)))
    raise unexpected("checkpoint", reply)


def _flat(row: _Row) -> tuple[str, ...]:
    key, forgotten_ms, fields = row
    return (key, *fields) if forgotten_ms < 0 else (key, *fields, "@", str(forgotten_ms))


def restore(script: Script, run: str, saved: Checkpoint) -> Command:
    """The command that puts *saved* in place of what the store knows."""
    keys = [names.STORE, names.APPLIED, names.HOLDS, names.ORPHANS, names.ACCOUNTS, names.USAGES, names.CAUGHT_UP]
    rows = msgspec.msgpack.encode(saved.hashes)
    return script.command(keys, [run, FENCE_MAX_MS, names.hold(""), _HOLES, saved.total, rows, RESTORED_TTL_MS])


def number(script: str, reply: Any) -> int:  # noqa: ANN401  what Redis answers
    """What *script* answered, where it answers with a number."""
    if isinstance(reply, int):
        return reply
    raise unexpected(script, reply)


def account(reply: Any) -> Account:  # noqa: ANN401  what Redis answers
    """The figures of one account, as its hash has them.

    Raises:
        StoreError: one of them is no number.
    """
    posted, sums = 0, {b"held": 0, b"orphaned": 0}
    for field, value in zip(reply[::2], reply[1::2], strict=True):
        if len(value) > MAX_DIGITS or not value.removeprefix(b"-").isdigit():
            raise StoreError("Redis refused: GARBAGE", transient=False, maybe_done=False)
        if field in sums:
            sums[field] = int(value)
        else:  # "posted", or a bucket of a rolling window
            posted += int(value)
    return Account(posted, sums[b"held"], sums[b"orphaned"])


def unexpected(script: str, reply: Any) -> StoreError:  # noqa: ANN401  what Redis answers
    """The error that *reply* stands for where it is no result."""
    if reply in ([b"hello"], [b"gap"]):
        return UngreetedError()
    return _not_understood(script)


def _not_understood(script: str) -> StoreError:
    return StoreError(f"the {script} script gave an answer that is not understood", transient=False)
