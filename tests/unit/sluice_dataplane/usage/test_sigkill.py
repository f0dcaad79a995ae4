"""SIGKILL at any moment: no announced settlement is lost, and none is counted twice."""

import random
import signal
import subprocess
import sys
from pathlib import Path

from sluice_dataplane.limits.store import Account
from support.ledgers import Life

LIVES = 30
HELD, SPENT = 1_000, 7  # a hold's amount; what a settled call spent

CHILD = """
import asyncio, os, random, sys, time
from pathlib import Path
from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import Charge, Reservation, Settlement
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.ledger import Ledger

def clock_ms():
    return time.time_ns() // 1_000_000

def record(id):
    return UsageRecord(id=id, source="", sequence=0, at_ms=1, key_id="k", key="k", model="m", target="t",
        upstream_model="m", endpoint="chat", status=200, outcome="ok", attempts=1, usage=TokenUsage(), cost_nusd=7)

async def main(folder, life):
    journal = Journal(Path(folder), segment_bytes=20_000, reserve_bytes=4096)
    ledger, draw, running = Ledger(journal, MemoryStore(clock_ms), clock_ms=clock_ms), random.Random(life), []
    ledger.replay()
    for n in range(10**9):
        if running and draw.random() < 0.5:
            call = running.pop(draw.randrange(len(running)))
            ledger.settle(Settlement(call, (), (7, 7)), record(call.id))
            os.write(1, b"settled %s\\n" % call.id.encode())
        else:
            charges = tuple(Charge(name, 1_000, 10**12, 10**14) for name in (f"{life}-{n}", "total"))
            call = Reservation(f"{life}-{n}", (), (), charges, 60_000)
            await ledger.open(call)
            ledger.sent(call.id)
            os.write(1, b"opened %s\\n" % call.id.encode())
            running.append(call)
        if draw.random() < 0.02:
            await ledger.tick()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def _live_and_die(folder: Path, life: int, draw: random.Random) -> list[str]:
    """What a child announced before it was killed at a random moment."""
    command = [sys.executable, "-c", CHILD, str(folder), str(life)]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        announced = [child.stdout.readline() for _ in range(draw.randint(1, 400))]
        child.send_signal(signal.SIGKILL)
        announced += child.stdout.readlines()
    return [line.decode().strip() for line in announced if line.endswith(b"\n")]


def test_sigkill_loses_no_settlement_and_doubles_none(tmp_path: Path) -> None:
    """Over many lives, each killed at a random moment, every account is what its call announced."""
    draw = random.Random(20_260_901)
    opened: set[str] = set()
    settled: set[str] = set()
    for number in range(LIVES):
        for word, hold_id in (line.split() for line in _live_and_die(tmp_path, number, draw)):
            (opened if word == "opened" else settled).add(hold_id)
    life = Life(tmp_path)
    life.crash()
    found = dict(life.ledger.accounts())
    total = found.pop("total")

    assert len(settled) > 100
    assert life.replayed.missing == 0
    for hold_id in opened:
        posted = found[hold_id]
        # A call may have been settled, and its process killed before it could say so.
        expected = [Account(SPENT, 0, 0)] if hold_id in settled else [Account(HELD, 0, 0), Account(SPENT, 0, 0)]
        assert posted in expected, hold_id
    assert total.posted == sum(figures.posted for figures in found.values())
    assert len(found) <= len(opened) + LIVES
    assert (total.held, total.orphaned) == (0, 0)
