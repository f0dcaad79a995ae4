"""Which addresses a name has, and which of them we may connect to.

A base URL is chosen by whoever writes a ModelProvider; without these rules it could make the gateway call the
cloud's metadata service or the cluster's own.  The address that was checked is the one connected to: a second
look-up could give another (DNS rebinding).
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

KEEP_S: Final = 30.0  # how long a look-up is good for
KEEP_FAILURE_S: Final = 1.0  # a name that fails is not asked for again by every waiting call
KEEP_STALE_S: Final = 300.0  # how long an old answer may stand in while the name service fails
MAX_NAMES: Final = 1024
MAX_ADDRESSES: Final = 16  # of one name

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str], Awaitable[Sequence[str]]]

# Sources: the IANA IPv4 and IPv6 special-purpose address registries.
_NOT_PUBLIC_4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers (CGNAT), and by pods of some clouds
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_GLOBAL_6: Final = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",
        "3fff::/20",
    )
)
_EMBEDS_4_LAST: Final = (ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96"))  # mapped, NAT64
_EMBEDS_4_NEXT: Final = ipaddress.IPv6Network("2002::/16")  # 6to4
# Not even where private addresses are allowed: nobody serves a model there, and what is there gives credentials away.
_NEVER: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local: the metadata service of AWS, Azure, Google Cloud and others
        "100.100.100.200/32",  # Alibaba Cloud's metadata service
        "168.63.129.16/32",  # Azure's host services
        "192.0.0.192/32",  # Oracle Cloud's metadata service
        "224.0.0.0/3",
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::/32",  # AWS's local services, metadata among them
        "fd20:ce::254/128",  # Google Cloud's metadata service
    )
)


class MayConnect(Protocol):
    """A rule like :func:`may_connect`."""

    def __call__(self, ip: str, *, private_allowed: bool) -> bool:
        """Whether we may connect to *ip*."""
        ...


class LookupFailedError(Exception):
    """The name has no address that we know of; the message names it."""


@lru_cache(maxsize=4096)
def is_public(ip: str) -> bool:
    """Whether *ip* is an address of the public internet; an IPv6 address that stands for an IPv4 one counts as that.

    Raises:
        ValueError: *ip* is no address.
    """
    address = _embedded(ipaddress.ip_address(ip))
    if any(address in network for network in _NEVER):
        return False
    if address.version == 4:
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _GLOBAL_6 and not any(address in network for network in _NOT_PUBLIC_6)


@lru_cache(maxsize=4096)
def may_connect(ip: str, *, private_allowed: bool) -> bool:
    """Whether we may connect to *ip*: public ones always, private and loopback ones where allowed.

    Link-local, multicast, unspecified and metadata addresses never.
    """
    return is_public(ip) or (
        private_allowed and not any(_embedded(ipaddress.ip_address(ip)) in network for network in _NEVER)
    )


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 *address* leads to, else *address*; without its zone."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    number = int(address)
    address = ipaddress.IPv6Address(number)
    if any(address in network for network in _EMBEDS_4_LAST):
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if address in _EMBEDS_4_NEXT:
        return ipaddress.IPv4Address(number >> 80 & 0xFFFFFFFF)
    return address


async def system_lookup(host: str) -> Sequence[str]:
    """The addresses of *host* by the system's resolver, best first."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, 0, type=1)  # SOCK_STREAM: each address once
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


@dataclass(frozen=True, slots=True)
class _Known:
    """What a look-up gave: addresses, or why there are none."""

    addresses: tuple[str, ...]
    failure: str
    asked_s: float
    found_s: float  # when the addresses were found

    def is_fresh(self, now_s: float) -> bool:
        return now_s - self.asked_s < (KEEP_FAILURE_S if self.failure else KEEP_S)


class Resolver:
    """Names to addresses, remembered for KEEP_S; at most one look-up of a name runs at a time.

    While the name service fails, the last addresses stand in for up to KEEP_STALE_S.
    """

    def __init__(self, lookup: Lookup = system_lookup, *, clock_s: Callable[[], float]) -> None:
        self._lookup = lookup
        self._clock_s = clock_s
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of *host*, best first, never empty.

        Raises:
            LookupFailedError: there are none.
        """
        known = self._known.get(host)
        if known is None or not known.is_fresh(self._clock_s()):
            known = await self._ask(host)
        if not known.addresses:
            raise LookupFailedError(f"{host}: {known.failure}")
        return known.addresses

    async def _ask(self, host: str) -> _Known:
        lock = self._asking.setdefault(host, asyncio.Lock())
        try:
            async with lock:
                known = self._known.get(host)
                if known is not None and known.is_fresh(self._clock_s()):
                    return known  # someone else asked while we waited
                asked = self._merge(known, *await self._try(host))
                self._known.pop(host, None)
                if len(self._known) >= MAX_NAMES:
                    del self._known[next(iter(self._known))]
                self._known[host] = asked
                return asked
        finally:
            # The last one out takes the lock along; those who still wait hold it themselves.
            if not lock.locked():
                self._asking.pop(host, None)

    async def _try(self, host: str) -> tuple[tuple[str, ...], str]:
        try:
            found = tuple(await self._lookup(host))[:MAX_ADDRESSES]
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            return (), f"the name cannot be resolved ({reason})"
        return found, "" if found else "the name has no address"

    def _merge(self, before: _Known | None, found: tuple[str, ...], failure: str) -> _Known:
        now_s = self._clock_s()
        if found:
            return _Known(found, "", now_s, now_s)
        if before is not None and now_s - before.found_s < KEEP_STALE_S:
            return _Known(before.addresses, failure, now_s, before.found_s)
        return _Known((), failure, now_s, now_s)
