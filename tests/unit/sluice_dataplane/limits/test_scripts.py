"""What goes into the scripts and what comes out."""

import pytest

from sluice_contract import names
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits import gcra, scripts
from sluice_dataplane.limits.scripts import Scripts
from sluice_dataplane.limits.store import KeyUsage, Refused
from support.stores import FAR_MS, account, charge, end, rate, slot, take


def test_reserve_names_every_key_it_touches() -> None:
    """All keys of a reservation are in KEYS, in the order the script counts them, and share one hash tag."""
    one = take("h", rate(3), slot(2), charge(10, 50), charge(20, name="b", enforced=False), ttl_ms=5_000)
    command = scripts.reserve(Scripts.load().reserve, one)
    count = int(command[2])
    keys = [str(key) for key in command[3 : 3 + count]]
    bucket, slots = names.bucket("vk", "Requests", 60_000), names.slots("vk")

    assert keys == [names.HOLDS, names.hold("h"), bucket, slots, account("a"), account("b")]
    assert all(key.startswith("{sluice}:") for key in keys)
    assert command[3 + count :] == (
        *("h", 5_000, 1, 1),
        *(3_000_000, gcra.burst_us(rate())),
        2,
        *(10, 50, FAR_MS, 1),
        *(20, 1_000, FAR_MS, 0),
    )


def test_settle_ends_with_the_usage_of_its_key() -> None:
    """A settlement's last key is its key's month, its last arguments that month's additions."""
    usage = KeyUsage("vk", "2026-09", 1, 2, 3, 4, 5)
    command = scripts.settle(Scripts.load().settle, end(take("h", charge(10)), 7, usage=usage))

    assert names.key_usage("vk", "2026-09") in command
    assert command[-8:] == (7, FAR_MS, 1, 2, 3, 4, 5, scripts.USAGE_KEPT_MS)


def test_an_unknown_answer_is_an_error() -> None:
    """An answer of a script that is not ours is refused, not guessed at."""
    with pytest.raises(StoreError) as caught:
        scripts.reserved(take("h"), [b"perhaps", 1])

    assert not caught.value.transient


def test_waits_are_rounded_up() -> None:
    """A wait of a microsecond is a millisecond: nobody is told to come back too early."""
    assert scripts.reserved(take("h", rate()), [b"rate", 0, 1]) == Refused("rate", 0, 1)
