"""What the counters in a Redis have come to, read as bytes and not by the product; and a Redis that loses things."""

import select
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from sluice_contract import names
from sluice_contract.usage import UsageRecord
from support.bill_books import Posted, account_name
from support.redis import RedisServer

PATIENCE_S = 5.0


class Counted(msgspec.Struct, frozen=True):
    """The accounts of the Budgets of :func:`~support.bill_books.three_budgets`, and what stands open beside them."""

    posted: Posted
    open: int  # held and orphaned, in nano-USD, tokens and requests together
    slots: int  # leases of calls in flight
    usage: Posted  # the keys' monthly figures


def counted(server: Any, *, key_id: str = "vktest") -> Counted:
    """All that *server*, a client of redis-py, has counted.  Raises redis.RedisError where it cannot be asked."""
    accounts = [server.hgetall(account_name(f"b{unit}")) for unit in ("Cost", "TotalTokens", "Requests")]
    months = [server.hgetall(name) for name in server.keys(f"*usage:{key_id}:*")]
    sums = {
        field: sum(int(month.get(field, 0)) for month in months)
        for field in (b"cost", b"input", b"output", b"requests")
    }
    return Counted(
        Posted(*(int(account.get(b"posted", 0)) for account in accounts)),
        sum(int(account.get(field, 0)) for account in accounts for field in (b"held", b"orphaned")),
        live_slots(server, key_id=key_id),
        Posted(sums[b"cost"], sums[b"input"] + sums[b"output"], sums[b"requests"]),
    )


def live_slots(server: Any, *, key_id: str = "vktest") -> int:
    """How many calls of a key are in flight, as its limit counts them: leases that have not ended."""
    seconds, micros = server.time()
    return int(server.zcount(names.slots(key_id), seconds * 1000 + micros // 1000, "+inf"))


def streamed(server: Any) -> list[UsageRecord]:
    """The usage records in the stream, in its order."""
    decoder = msgspec.json.Decoder(UsageRecord)
    return [decoder.decode(fields[b"record"]) for _, fields in server.xrange(names.USAGE_STREAM)]


class LosingRedis(RedisServer):
    """A server with an append-only file that can be made to lose some or all of what it was told."""

    def __init__(self) -> None:
        super().__init__(appendonly="yes", appendfsync="everysec", repl_diskless_sync_delay="0")
        self.client.connection_pool.connection_kwargs["socket_timeout"] = PATIENCE_S

    def lose_all(self) -> None:
        """End it, and start it without its files."""
        self.kill()
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)
        (self.folder / "dump.rdb").unlink(missing_ok=True)
        self.start()

    def save(self) -> None:
        """Write what it knows now into a file for :meth:`rewind`."""
        self.client.save()
        shutil.copy(self.folder / "dump.rdb", self.folder / "older.rdb")

    def rewind(self) -> None:
        """End it, and start it with what it knew at :meth:`save`."""
        self.kill()
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)
        shutil.copy(self.folder / "older.rdb", self.folder / "dump.rdb")
        options = self._options
        self._options = {**options, "appendonly": "no"}  # with it on, the snapshot would not be read
        try:
            self.start()
        finally:
            self._options = options
        self.client.config_set("appendonly", "yes")

    def fail_over(self) -> None:
        """End it, and let a replica that followed it until then go on at its port, with what it has got by then."""
        spare = LosingRedis()
        try:
            spare.client.replicaof("127.0.0.1", self.port)
            _wait(lambda: spare.client.info("replication")["master_link_status"] == "up")
            self.kill()
            spare.client.replicaof("NO", "ONE")
            spare.client.config_set("port", self.port)
            self._process, spare._process = spare._process, None
            self._folder, spare._folder = spare._folder, self._folder
        finally:
            spare.stop()


def _wait(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    pause = select.poll()  # waits without a descriptor to wait for
    while not ready():
        assert time.monotonic() < deadline, "the replica does not get in step"
        pause.poll(20)


def lines_of(found: Sequence[UsageRecord]) -> set[tuple[str, int]]:
    """What tells records apart."""
    return {(record.source, record.sequence) for record in found}
