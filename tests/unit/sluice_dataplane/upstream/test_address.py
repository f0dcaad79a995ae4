"""Which addresses may be called, and how names become addresses."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.upstream.address import (
    KEEP_FAILURE_S,
    KEEP_S,
    KEEP_STALE_S,
    MAX_NAMES,
    LookupFailedError,
    Resolver,
    is_public,
    may_connect,
    system_lookup,
)

PRIVATE = ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "127.0.0.1", "::1", "fd12::1"]
NEVER = [
    "0.0.0.0",
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "fd00:ec2::254",
    "fd20:ce::254",
]
OTHER = ["192.0.2.1", "198.18.0.1", "203.0.113.9", "240.0.0.1", "2001:db8::1", "2001::1", "64:ff9b:1::1", "fec0::1"]
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.63.255.255", "100.128.0.1", "2606:4700::1111", "2a00::1"]


@pytest.mark.parametrize("ip", PUBLIC)
def test_public_addresses_are_public(ip: str) -> None:
    """What anyone can reach may be called."""
    assert is_public(ip)


@pytest.mark.parametrize("ip", [*PRIVATE, *NEVER, *OTHER])
def test_special_addresses_are_not_public(ip: str) -> None:
    """Private, loopback, link-local, shared, multicast, metadata, documentation: none is public."""
    assert not is_public(ip)


@pytest.mark.parametrize("ip", ["10.0.0.1", "127.0.0.1", "169.254.169.254"])
@pytest.mark.parametrize("form", ["::ffff:{}", "64:ff9b::{}"])
def test_an_address_in_disguise_is_seen_through(ip: str, form: str) -> None:
    """An IPv4 address mapped into IPv6, or behind NAT64, counts as what it is."""
    assert not is_public(form.format(ip))


def test_an_address_in_a_6to4_one_is_seen_through() -> None:
    """2002:7f00:1:: leads to 127.0.0.1."""
    assert (is_public("2002:7f00:1::"), is_public("2002:808:808::")) == (False, True)


@given(st.ip_addresses(v=4))
def test_a_mapped_address_counts_as_the_one_it_holds(ip: ipaddress.IPv4Address) -> None:
    """For every IPv4 address, and both for public and allowed."""
    mapped = f"::ffff:{ip}"

    assert (is_public(mapped), may_connect(mapped, private_allowed=True)) == (
        is_public(str(ip)),
        may_connect(str(ip), private_allowed=True),
    )


@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_knows_better(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """A second opinion: what Python's tables call private, link-local or multicast is not public here."""
    embedded = (ip.ipv4_mapped or ip.sixtofour) if isinstance(ip, ipaddress.IPv6Address) else None
    if embedded is None and (ip.is_private or ip.is_link_local or ip.is_multicast or ip.is_unspecified):
        assert not is_public(str(ip))


@pytest.mark.parametrize("ip", PRIVATE)
def test_private_addresses_may_be_called_where_allowed(ip: str) -> None:
    """The field allowPrivateNetwork opens private and loopback addresses, and only then."""
    assert (may_connect(ip, private_allowed=False), may_connect(ip, private_allowed=True)) == (False, True)


@pytest.mark.parametrize("ip", [*NEVER, "::ffff:169.254.169.254"])
def test_metadata_addresses_may_never_be_called(ip: str) -> None:
    """The field allowPrivateNetwork does not open link-local, multicast or metadata addresses."""
    assert not may_connect(ip, private_allowed=True)


class _Names:
    """A name service with a clock; the test sets what it says."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.asked: list[str] = []
        self.says: Sequence[str] | OSError = ["1.1.1.1"]
        self.gate = asyncio.Event()
        self.gate.set()

    async def _lookup(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        await self.gate.wait()
        if isinstance(self.says, OSError):
            raise self.says
        return self.says

    def _resolver(self) -> Resolver:
        return Resolver(self._lookup, clock_s=lambda: self.now_s)


FAILURE = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


async def test_an_answer_is_kept_for_a_while() -> None:
    """Within KEEP_S a name is asked for once; after that, anew."""
    names = _Names()
    resolver = names._resolver()
    await resolver.addresses("a")
    names.now_s += KEEP_S - 1
    await resolver.addresses("a")
    names.says = ["2.2.2.2"]
    names.now_s += 1

    assert (await resolver.addresses("a"), names.asked) == (("2.2.2.2",), ["a", "a"])


async def test_many_who_ask_at_once_ask_once() -> None:
    """A hundred calls to a new upstream make one look-up."""
    names = _Names()
    names.gate.clear()
    resolver = names._resolver()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(resolver.addresses("a")) for _ in range(100)]
        await asyncio.sleep(0)
        names.gate.set()

    assert ({task.result() for task in tasks}, names.asked) == ({("1.1.1.1",)}, ["a"])


async def test_a_cancelled_look_up_leaves_the_others_theirs() -> None:
    """The one who asked for all may go: another asks then."""
    names = _Names()
    names.gate.clear()
    resolver = names._resolver()
    first = asyncio.ensure_future(resolver.addresses("a"))
    second = asyncio.ensure_future(resolver.addresses("a"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    names.gate.set()

    assert await second == ("1.1.1.1",)


async def test_a_failure_is_kept_shortly() -> None:
    """A name that fails is not asked for again at once, but soon."""
    names = _Names()
    names.says = FAILURE
    resolver = names._resolver()
    for _ in range(2):
        with pytest.raises(LookupFailedError, match="a: the name cannot be resolved"):
            await resolver.addresses("a")
    names.says = ["3.3.3.3"]
    names.now_s += KEEP_FAILURE_S

    assert (await resolver.addresses("a"), names.asked) == (("3.3.3.3",), ["a", "a"])


async def test_the_last_answer_stands_in_while_the_name_service_fails() -> None:
    """For up to KEEP_STALE_S from when it was found; after that the failure is told."""
    names = _Names()
    resolver = names._resolver()
    await resolver.addresses("a")
    names.says = FAILURE
    names.now_s += KEEP_STALE_S - 1
    stood_in = await resolver.addresses("a")
    names.now_s += KEEP_FAILURE_S

    with pytest.raises(LookupFailedError):
        await resolver.addresses("a")
    assert stood_in == ("1.1.1.1",)


async def test_a_name_without_an_address_fails() -> None:
    """No address is not an empty answer."""
    names = _Names()
    names.says = []

    with pytest.raises(LookupFailedError, match="no address"):
        await names._resolver().addresses("a")


async def test_what_is_remembered_has_a_limit() -> None:
    """The oldest of more than MAX_NAMES names is forgotten, and no lock stays behind."""
    names = _Names()
    resolver = names._resolver()
    for number in range(MAX_NAMES + 1):
        await resolver.addresses(f"host{number}")
    await resolver.addresses("host1")
    await resolver.addresses("host0")

    assert (names.asked[-2:], resolver._asking) == ([f"host{MAX_NAMES}", "host0"], {})


async def test_the_system_knows_localhost() -> None:
    """The real look-up gives addresses without doubles."""
    found = await system_lookup("localhost")

    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(set(found)) == len(found) > 0
