"""The Lua scripts, and what goes into and comes out of each.  Pure: knows the commands, not the connection."""

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any, Final

import msgspec

from sluice_contract import names
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits import gcra
from sluice_dataplane.limits.store import Held, Refused, Reservation, Settlement

Command = tuple[bytes | str | int, ...]

SETTLED_KEPT_MS: Final = 2 * 3_600_000  # how long a second settlement, or a late reserve, finds the first
USAGE_KEPT_MS: Final = 400 * 86_400_000
EXTEND_LIMIT: Final = 200  # holds per script: no script may keep Redis busy for long
REAP_LIMIT: Final = 100


class Script(msgspec.Struct, frozen=True):
    """One Lua script and the digest Redis knows it by."""

    text: str
    sha: str

    @classmethod
    def of(cls, text: str) -> "Script":
        """The script with that *text*."""
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())

    def command(self, keys: Sequence[str], args: Sequence[str | int]) -> Command:
        """The command that runs it."""
        return ("EVALSHA", self.sha, len(keys), *keys, *args)


class Scripts(msgspec.Struct, frozen=True):
    """All four."""

    reserve: Script
    settle: Script
    extend: Script
    reap: Script

    @classmethod
    def load(cls) -> "Scripts":
        """The scripts that lie beside this module."""
        here = resources.files(__package__)
        read = {name: Script.of((here / f"{name}.lua").read_text("utf-8")) for name in cls.__struct_fields__}
        return cls(**read)

    def all(self) -> tuple[Script, ...]:
        """Each of them."""
        return (self.reserve, self.settle, self.extend, self.reap)


def reserve(script: Script, reservation: Reservation) -> Command:
    """The command that takes *reservation*, none of whose rates has the amount 0."""
    rates, slots, charges = reservation.rates, reservation.slots, reservation.charges
    keys = [names.HOLDS, names.hold(reservation.id)]
    args: list[str | int] = [reservation.id, reservation.ttl_ms, len(rates), len(slots)]
    for rate in rates:
        keys.append(rate.bucket)
        args += (gcra.cost_us(rate.cost, rate.amount, rate.window_ms), gcra.burst_us(rate))
    for slot in slots:
        keys.append(slot.slots)
        args.append(slot.limit)
    for charge in charges:
        keys.append(charge.account)
        args += (charge.amount, charge.limit, charge.expires_at_ms, int(charge.enforced))
    return script.command(keys, args)


def reserved(reservation: Reservation, reply: Any) -> Held | Refused:  # noqa: ANN401  what Redis answers
    """What *reply* says of *reservation*.

    Raises:
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
        case [b"charge", index, available]:
            return Refused("charge", index, None, available)
        case [b"settled"]:
            raise StoreError("the hold was settled before it was taken", transient=False, maybe_done=False)
        case _:
            raise StoreError("the reserve script gave an answer that is not understood", transient=False)


def settle(script: Script, settlement: Settlement) -> Command:
    """The command that ends a hold."""
    reservation, usage = settlement.reservation, settlement.usage
    rates = tuple(
        (rate, used) for rate, used in zip(reservation.rates, settlement.used, strict=True) if rate.amount > 0
    )
    keys = [names.HOLDS, names.hold(reservation.id)]
    args: list[str | int] = [
        reservation.id,
        SETTLED_KEPT_MS,
        len(rates),
        len(reservation.slots),
        len(reservation.charges),
    ]
    for rate, used in rates:
        keys.append(rate.bucket)
        args.append(gcra.refund_us(rate, used))
    keys += [slot.slots for slot in reservation.slots]
    for charge, spent in zip(reservation.charges, settlement.spent, strict=True):
        keys.append(charge.account)
        args += (spent, charge.expires_at_ms)
    if usage is not None:
        keys.append(names.key_usage(usage.key_id, usage.month))
        figures = (usage.requests, usage.input_tokens, usage.output_tokens, usage.cost_nusd, usage.at_ms)
        args += (*figures, USAGE_KEPT_MS)
    return script.command(keys, args)


def extend(script: Script, hold_ids: Sequence[str], ttl_ms: int) -> Command:
    """The command that moves deadlines; at most EXTEND_LIMIT ids."""
    return script.command([names.HOLDS, *map(names.hold, hold_ids)], [ttl_ms, *hold_ids])


def reap(script: Script) -> Command:
    """The command that orphans late holds."""
    return script.command([names.HOLDS], [names.hold(""), REAP_LIMIT])
