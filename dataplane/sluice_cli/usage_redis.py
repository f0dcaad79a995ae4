"""What Redis has: the stream of usage records, and the figures of accounts.  Reads, and never greets: it is no replica.

Nothing but StoreError and RedisUrlInvalidError leaves this module, and no error's text holds the URL.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Self

import msgspec

from sluice_contract import names
from sluice_contract.usage import UsageRecord
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.link import RedisLink
from sluice_dataplane.limits.scripts import Command

PAGE: Final = 500  # records or accounts in one reply
PATIENCE_S: Final = 10.0
STREAM: Final = "redis stream"  # what unreadable entries are counted under


class Marks(msgspec.Struct, frozen=True):
    """Which settlements were counted: those of each source up to its mark, but for its holes."""

    marks: Mapping[str, int]
    holes: Mapping[str, frozenset[int]]

    def counted(self, source: str, n: int) -> bool:
        """Whether settlement *n* of *source* was."""
        return n <= self.marks.get(source, 0) and n not in self.holes.get(source, ())


class Page(msgspec.Struct, frozen=True):
    """What each account has posted, {bucket: figure} (bucket None: its window does not roll), and the marks of the same
    moment.
    """

    marks: Marks
    accounts: Mapping[str, Mapping[int | None, int]]


class Reader:
    """One connection to Redis, for the length of a ``with``."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._link = RedisLink(url, None, deadline_s=PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._link.close())
        self._runner.close()

    def records(self, unreadable: Counter[str]) -> Iterator[UsageRecord]:
        """Every record in the stream, oldest first; entries that are none are counted in *unreadable*."""
        start = "-"
        while True:
            (page,) = self._ask(("XRANGE", names.USAGE_STREAM, start, "+", "COUNT", PAGE))
            for _, fields in page:
                try:
                    yield msgspec.json.decode(_pairs(fields)[b"record"], type=UsageRecord)
                except (KeyError, msgspec.MsgspecError):
                    unreadable[STREAM] += 1
            if len(page) < PAGE:
                return
            start = f"({page[-1][0].decode()}"

    def account_names(self) -> list[str]:
        """Every account there is."""
        (found,) = self._ask(("ZRANGE", names.ACCOUNTS, 0, -1))
        return [name.decode() for name in found]

    def page(self, accounts: Sequence[str]) -> Page:
        """The figures of *accounts* (at most PAGE), and what had been counted at the same moment."""
        while True:
            (before,) = self._ask(("HGETALL", names.APPLIED))
            sources = sorted(source.decode() for source in _pairs(before))
            asked: list[Command] = [("HGETALL", names.APPLIED)]
            asked += [("SMEMBERS", names.holes(source)) for source in sources]
            asked += [("HGETALL", name) for name in accounts]
            applied, *replies = self._at_once(asked)
            if {source.decode() for source in _pairs(applied)} == set(sources):
                break
        holes = {source: frozenset(map(int, reply)) for source, reply in zip(sources, replies, strict=False)}
        marks = {source.decode(): int(mark) for source, mark in _pairs(applied).items()}
        return Page(Marks(marks, holes), dict(zip(accounts, map(_posted, replies[len(sources) :]), strict=True)))

    def _at_once(self, commands: Sequence[Command]) -> list[Any]:
        *_, replies = self._ask(("MULTI",), *commands, ("EXEC",))
        if not isinstance(replies, list) or any(isinstance(reply, Exception) for reply in replies):
            raise StoreError("Redis: the transaction was not done", transient=True)
        return replies

    def _ask(self, *commands: Command) -> Sequence[Any]:
        replies = self._runner.run(self._link.exchange(commands))
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies


def _posted(flat: Sequence[bytes]) -> dict[int | None, int]:
    """The fields ``posted`` and ``b<bucket>`` of an account."""
    try:
        return {
            None if field == b"posted" else int(field[1:]): int(value)
            for field, value in _pairs(flat).items()
            if field == b"posted" or field[:1] == b"b"
        }
    except ValueError:
        raise StoreError("Redis: an account holds what is no number", transient=False) from None


def _pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
