"""What a Redis Cluster says of who keeps what.  Pure; the formats are those of the cluster specification."""

import binascii
from typing import Any, Final

from sluice_contract import names
from sluice_contract.redis_url import Node

SLOTS: Final = 16384
MAX_NODES: Final = 64  # that are remembered: more than enough to find one that still lives


def slot_of(key: str) -> int:
    """The slot that a Cluster keeps *key* in: the hash of its tag, where it has one."""
    _, opened, rest = key.partition("{")
    tag, closed, _ = rest.partition("}")
    return binascii.crc_hqx((tag if opened and closed and tag else key).encode(), 0) % SLOTS


OUR_SLOT: Final = slot_of(names.STORE)


def owner_in(reply: Any, asked: Node, slot: int = OUR_SLOT) -> Node | None:  # noqa: ANN401  what Redis answers
    """Who owns *slot*, in *asked*'s reply to CLUSTER SLOTS; None where nobody does, or it cannot be read."""
    match [span for span in reply if isinstance(span, list) and len(span) > 2 and span[0] <= slot <= span[1]]:
        case [[_, _, [host, int(port), *_], *_], *_]:
            return _named(host, asked), port
        case _:
            return None


def moved_to(text: str, asked: Node) -> Node | None:
    """Where an error ``MOVED slot host:port`` sends us; None where it cannot be read."""
    words = text.split(" ")
    if len(words) < 3 or words[0] != "MOVED":
        return None
    host, _, port = words[2].rpartition(":")
    return (_named(host.strip("[]").encode(), asked), int(port)) if port.isdecimal() else None


def _named(host: bytes | None, asked: Node) -> str:
    """The host that a node is said to have; one that does not know its own is where we found who said so."""
    return host.decode() if host and host != b"?" else asked[0]


def nodes_in(reply: Any, asked: Node) -> tuple[Node, ...]:  # noqa: ANN401  as above
    """Every node that *asked*'s reply to CLUSTER SLOTS names, at most MAX_NODES, each once."""
    servers = (server for span in reply if isinstance(span, list) for server in span[2:] if isinstance(server, list))
    return tuple(dict.fromkeys((_named(host, asked), port) for host, port, *_ in servers))[:MAX_NODES]
