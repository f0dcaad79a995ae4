"""What is said to the scripts, and what their answers are taken for."""

from typing import Any

import pytest

from sluice_contract import names
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits import commands, gcra
from sluice_dataplane.limits.marks import MOST_HOLES
from sluice_dataplane.limits.scripts import Command, Scripts
from sluice_dataplane.limits.store import (
    Account,
    Entry,
    FencedError,
    KeyUsage,
    Refused,
    Standing,
    UngreetedError,
)
from support.stores import FAR_MS, account, charge, end, rate, slot, take, void

SCRIPTS = Scripts.load()


def _parts(command: Command) -> tuple[list[str], tuple[Any, ...]]:
    count = int(command[2])
    return [str(key) for key in command[3 : 3 + count]], command[3 + count :]


def test_reserve_names_every_key_it_touches() -> None:
    """All keys of a reservation are in KEYS, in the order the script counts them."""
    one = take(
        "h", rate(3), slot(2), charge(10, 50), charge(20, name="b", enforced=False, bucket=9, oldest=2), ttl_ms=5
    )
    keys, args = _parts(commands.reserve(SCRIPTS.reserve, "run", one, source="s", forced=True))
    bucket, slots = names.bucket("vk", "Requests", 60_000), names.slots("vk")

    assert keys == [
        names.STORE,
        names.HOLDS,
        names.ACCOUNTS,
        names.hold("h"),
        bucket,
        slots,
        account("a"),
        account("b"),
    ]
    assert args == (
        *("run", commands.FENCE_MAX_MS, "h", 5, "s", 1, 1, 1),
        *(3_000_000, gcra.burst_us(rate())),
        2,
        *(10, 50, FAR_MS, 1, "", 0),
        *(20, 1_000, FAR_MS, 0, 9, 2),
    )


def test_apply_ends_with_the_usage_of_its_key() -> None:
    """A settlement's last key is its key's month, its last arguments that month's additions."""
    usage = KeyUsage("vk", "2026-09", 1, 2, 3, 4, 5)
    entry = Entry(7, end(take("h", charge(10, bucket=3)), 9, usage=usage), b"{}")
    keys, args = _parts(commands.apply(SCRIPTS, "run", "s", entry, records_kept=50))

    assert keys[-2:] == [account("a"), names.key_usage("vk", "2026-09")]
    assert args[:8] == ("run", "s", 7, MOST_HOLES, "h", commands.SETTLED_KEPT_MS, b"{}", 50)
    assert args[-9:] == (9, FAR_MS, 3, 1, 2, 3, 4, 5, commands.USAGE_KEPT_MS)


def test_nobodys_numbers_are_skipped() -> None:
    """An entry that stands for many is another script, which touches no hold and no account."""
    keys, args = _parts(commands.apply(SCRIPTS, "run", "s", Entry(9, void(take("")), first=4), records_kept=50))

    assert keys == [names.STORE, names.APPLIED, names.holes("s")]
    assert args == ("run", "s", 4, 9, MOST_HOLES)


def test_every_key_has_the_one_hash_tag() -> None:
    """All that one script touches lies in one slot of a Cluster."""
    one = take("h", rate(3), slot(2), charge(10))
    usage = KeyUsage("vk", "2026-09", 1, 2, 3, 4, 5)
    asked = [
        commands.hello(SCRIPTS.hello, "s", "n"),
        commands.reserve(SCRIPTS.reserve, "r", one, source="s", forced=False),
        commands.apply(SCRIPTS, "r", "s", Entry(1, end(one, 1, usage=usage)), records_kept=1),
        commands.extend(SCRIPTS.extend, "r", "s", ["h"], 1),
        commands.reap(SCRIPTS.reap, "r"),
        commands.caught_up(SCRIPTS.caught_up, "r", "s"),
        commands.checkpoint(SCRIPTS.checkpoint, "r"),
    ]

    assert all(key.startswith("{sluice}:") for command in asked for key in _parts(command)[0])


def test_a_greeting_is_answered_by_a_run_and_a_standing() -> None:
    """Holes come in their order; a policy that evicts makes the store unsafe."""
    run, standing = commands.greeted([b"id:1", 9, 1, 30, 2, b"allkeys-lru", b"10", b"8"])

    assert run == "id:1"
    assert standing == Standing(
        9, (8, 10), fenced=True, total=30, sources=2, unsafe="maxmemory-policy is allkeys-lru: it may drop counters"
    )


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ([b"fenced"], FencedError),
        ([b"hello"], UngreetedError),
        ([b"settled"], StoreError),
        ([b"perhaps", 1], StoreError),
    ],
)
def test_answers_that_are_no_hold_are_errors(reply: list[Any], error: type[StoreError]) -> None:
    """Each is what it says, and one that is not understood is refused, not guessed at."""
    with pytest.raises(StoreError) as caught:
        commands.reserved(take("h"), reply)

    assert type(caught.value) is error
    assert caught.value.transient is (error is not StoreError)


@pytest.mark.parametrize("reply", [[b"perhaps"], b"OK", None, [b"id", 1], [1, b"\xff"]])
def test_an_unknown_answer_is_an_error(reply: Any) -> None:
    """An answer of a script that is not ours is a lasting StoreError and nothing else."""
    for read in (
        commands.greeted,
        commands.extended,
        commands.read_checkpoint,
        lambda reply: commands.number("reap", reply),
        lambda reply: commands.reserved(take("h"), reply),
    ):
        with pytest.raises(StoreError, match="not understood") as caught:
            read(reply)
        assert not caught.value.transient


def test_a_full_account_says_what_is_left_and_what_must_go() -> None:
    """No bucket where the window does not roll."""
    reservation = take("h", charge(1))

    assert commands.reserved(reservation, [b"charge", 0, 5]) == Refused("charge", 0, None, 5)
    assert commands.reserved(reservation, [b"charge", 0, 5, 77]) == Refused("charge", 0, None, 5, 77)


def test_waits_are_rounded_up() -> None:
    """A wait of a microsecond is a millisecond: nobody is told to come back too early."""
    assert commands.reserved(take("h", rate()), [b"rate", 0, 1]) == Refused("rate", 0, 1)


def test_an_accounts_buckets_are_its_posted() -> None:
    """What a rolling window keeps by bucket is read as one sum; an account that is not there is all zeros."""
    assert commands.account([b"b7", b"5", b"held", b"3", b"b8", b"-2", b"orphaned", b"1"]) == Account(3, 3, 1)
    assert commands.account([]) == Account(0, 0, 0)
