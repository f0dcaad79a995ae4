"""Which Redis to talk to: asks Sentinels for the master, and a Cluster for the owner of our one slot.

Knows addresses and credentials, and no script and no counter.
"""

import asyncio
import ssl
from typing import Final

from sluice_contract.redis_url import Node, RedisAddress
from sluice_dataplane.limits.link_cluster import moved_to, nodes_in, owner_in
from sluice_dataplane.limits.link_door import checked, context_for, introduce
from sluice_dataplane.limits.link_wire import CONNECT_S, LostError, ReplyError, Wire, connect

PROBE_S: Final = 0.5  # for one Sentinel or cluster node: there are others to ask

_NOWHERE: Final = {"Sentinel": "no Sentinel knows the master", "Cluster": "no cluster node knows the owner of our slot"}


class NowhereError(Exception):
    """Nobody who was asked could say where to go, or who was named is not who we need; the text says which."""


class Router:
    """Makes connections to the Redis that may be written to."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._guides = list(address.nodes)  # whom to ask, the one whose word was good the last time first
        self._at: Node = address.nodes[0] if address.nodes else ("", 0)
        self._hint: Node | None = None  # where a MOVED sent us

    def moved(self, text: str) -> None:
        """Take the word of the error *text*, a MOVED, for where to go next."""
        self._hint = moved_to(text, self._at)

    async def connect(self) -> Wire:
        """A connection to the one, let in, its database selected.

        Raises:
            NowhereError: nobody knows who that is.
            ReplyError: we are not let in.
            LostError, OSError: it is not there.
        """
        tls = None if self._address.tls is None else await asyncio.to_thread(context_for, self._address.tls)
        hint, self._hint = self._hint, None
        if self._address.kind not in ("Sentinel", "Cluster"):
            return await self._enter(self._at, tls)
        guide = None if hint else await self._ask_around(tls)
        try:
            return await self._enter(hint or self._at, tls)
        except BaseException:
            if guide is not None:  # its word was not good
                self._demote(guide)
            raise

    def _demote(self, guide: Node) -> None:
        """Ask the others first the next time."""
        self._guides = [*(node for node in self._guides if node != guide), guide]

    async def _ask_around(self, tls: ssl.SSLContext | None) -> Node:
        """Who could say where to go; ``_at`` is there."""
        refused: ReplyError | None = None
        for guide in tuple(self._guides):
            try:
                found = await self._ask(guide, tls)
            except (ReplyError, LostError, OSError) as error:
                refused = error if isinstance(error, ReplyError) else refused
                found = None
            if found is not None:
                self._at = found
                return guide
            self._demote(guide)
        if refused is not None:
            raise refused
        raise NowhereError(_NOWHERE[self._address.kind])

    async def _ask(self, guide: Node, tls: ssl.SSLContext | None) -> Node | None:
        address = self._address
        sentinel = address.kind == "Sentinel"
        question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.master) if sentinel else ("CLUSTER", "SLOTS")
        wire = await connect(*guide, tls=tls, patience_s=PROBE_S)
        try:
            login = address.sentinel_login if sentinel else address.login
            words = [*introduce(login, address.client_name), question]
            *_, reply = checked(words, await wire.ask(words, PROBE_S))
        finally:
            wire.drop()
        if sentinel:
            return (reply[0].decode(), int(reply[1])) if reply else None
        self._guides = list(dict.fromkeys((guide, *nodes_in(reply, guide), *address.nodes)))
        return owner_in(reply, guide)

    async def _enter(self, node: Node, tls: ssl.SSLContext | None) -> Wire:
        address = self._address
        wire = await connect(*node, socket_path=address.socket_path, tls=tls)
        commands = introduce(address.login, address.client_name)
        if address.database:
            commands.append(("SELECT", address.database))
        if address.kind == "Sentinel":
            commands.append(("ROLE",))
        try:
            role = checked(commands, await wire.ask(commands, CONNECT_S))[-1]
        except BaseException:
            wire.drop()
            raise
        if address.kind == "Sentinel" and role[0] != b"master":
            wire.drop()
            raise NowhereError("who the Sentinels name is no master")
        self._at = node
        return wire
