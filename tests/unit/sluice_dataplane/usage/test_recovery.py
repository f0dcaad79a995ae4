"""Starts: journals of earlier releases, and what is found whole after damage."""

from pathlib import Path

from sluice_dataplane.limits.store import Account
from sluice_dataplane.usage import lines, replay
from sluice_dataplane.usage.lines import SettleLine
from sluice_dataplane.usage.recovery import Replayed
from support.ledgers import Clock, Life, draft, far, record, used
from support.stores import account, charge, take

SOURCE = "d799ab98-37bc-4f70-90b6-dc4416f3b6d7"

# Lines as release 0.1 wrote them; without their sums.
CHARGE = (
    '{"account":"{sluice}:account:a:2026-09:-","amount":%d,"limit":1000,"expires_at_ms":32503680000000,"enforced":true}'
)
RESERVED = '{"id":"%s","rates":[%s],"slots":[],"charges":[' + CHARGE + '],"ttl_ms":60000}'
RATE = '{"bucket":"{sluice}:bucket:vk:Requests:60000","cost":1,"amount":60,"window_ms":60000,"burst":60}'
HELD = '{"kind":"hold","at_ms":1790000000000,"reservation":' + RESERVED + "}"
SETTLED = (
    '{"kind":"settle","n":%d,"id":"%s","used":[%s],"spent":[%d],"usage":{"key_id":"vk","month":"2026-09","requests":1,'
    '"input_tokens":10,"output_tokens":20,"cost_nusd":30,"at_ms":1795262760443},"record":{"id":"%s","source":"'
    + SOURCE
    + '","sequence":%d,"at_ms":1790000000000,"key_id":"vk","key":"team/app","model":"m","target":"t",'
    '"upstream_model":"m","endpoint":"chat","status":200,"outcome":"ok","attempts":1,"usage":{"input":10,"output":20},'
    '"cost_nusd":30}}'
)
VOIDED = '{"kind":"settle","n":%d,"id":"%s","used":[],"spent":[0],"reservation":' + RESERVED + "}"
SNAPSHOT = (
    '{"kind":"snapshot","source":"'
    + SOURCE
    + '","n":%d,"sequence":%d,"acknowledged":%d,"accounts":[%s],"usage":[],"holds":[%s]}'
)


def _old_journal(folder: Path, *, acknowledged: int | None, posted: str = "") -> None:
    """Three settlements in two segments, and a hold in each that was not ended."""
    folder.mkdir(exist_ok=True)
    (folder / "source").write_text(f"{SOURCE}\n")
    first = [
        SNAPSHOT % (0, 0, 0, "", ""),
        HELD % ("a", RATE, 100),
        HELD % ("b", "", 50),
        SETTLED % (1, "a", 1, 30, "a", 1),
    ]
    second = [
        SNAPSHOT % (1, 1, 0, posted, RESERVED % ("b", "", 50)),
        HELD % ("c", "", 70),
        SETTLED % (2, "c", "", 20, "c", 2),
        VOIDED % (3, "v", "v", "", 5),
        HELD % ("d", "", 9),
    ]
    for number, written in enumerate((first, second), start=1):
        content = b"".join(lines.frame(text.encode()) for text in written)
        (folder / f"{number:08d}.log").write_bytes(content)
    if acknowledged is not None:
        (folder / "acknowledged").write_text(f"{acknowledged}\n")


def test_a_journal_of_an_earlier_release_is_read_in_memory(tmp_path: Path) -> None:
    """What it posted is found, and what it left open is charged what it held: it kept no drafts and no progress."""
    _old_journal(tmp_path, acknowledged=None, posted='["{sluice}:account:a:2026-09:-",30,32503680000000]')
    life = Life(tmp_path)
    life.crash()
    again = Life(tmp_path)
    again.crash()

    assert life.replayed == Replayed(lines=5, damaged=0, missing=0, crashed=2)
    assert life.ledger.accounts() == again.ledger.accounts() == {account("a"): Account(30 + 20 + 50 + 9, 0, 0)}
    assert life.ledger.source == SOURCE


async def test_a_journal_of_an_earlier_release_goes_on_in_a_shared_store(tmp_path: Path) -> None:
    """Its store kept no marks: what was answered is counted there already, the rest is sent, and neither again."""
    _old_journal(tmp_path, acknowledged=1)
    clock = Clock()
    store = far(clock)
    store.near.post(account("a"), 30, clock.now_ms + 10**9)  # by the release before
    life = await Life.joined(tmp_path, store, clock)
    call = take("new", charge(10))
    await life.ledger.open(call)
    life.ledger.settle(used(call, 4), record("new"))
    await life.drain()
    life.crash()
    again = await Life.joined(tmp_path, store, clock)
    again.crash()

    assert store.figures() == Account(30 + 20 + 50 + 9 + 4, 0, 0)


async def test_records_go_on_after_an_earlier_release(tmp_path: Path) -> None:
    """Usage records are numbered on from the last one."""
    _old_journal(tmp_path, acknowledged=None)
    life = Life(tmp_path)
    call, written = take("new", charge(10)), record("new")
    await life.ledger.open(call)
    life.ledger.settle(used(call, 4), written)
    life.crash()

    assert (written.source, written.sequence) == (SOURCE, 3)


async def test_the_number_of_a_damaged_settlement_is_not_given_again(tmp_path: Path) -> None:
    """A settlement that the store has counted and the journal lost last does not swallow the next one."""
    clock = Clock()
    store = far(clock)
    life = await Life.joined(tmp_path, store, clock)
    for n in range(2):
        call = take(f"h{n}", charge(100))
        await life.ledger.open(call, draft=draft(call.id))
        life.ledger.settle(used(call, 30), record(call.id))
    await life.drain()
    path = life.journal.segments()[-1]
    life.crash()
    path.write_bytes(path.read_bytes().replace(b'"n":2,', b'"n":!,'))
    again = await Life.joined(tmp_path, store, clock)
    call = take("next", charge(100, 9_000))
    await again.ledger.open(call, draft=draft(call.id))
    again.ledger.settle(used(call, 7), record(call.id))
    await again.drain()
    again.crash()

    assert store.figures().posted == 30 + 30 + 7 + 1_040  # what was lost is billed once more, at its bound
    assert again.replayed.damaged == 1


async def test_rolling_windows_are_found_again_by_bucket(tmp_path: Path) -> None:
    """After a restart, and after one whose journal is one line, each bucket has what was posted to it."""
    life = Life(tmp_path)
    for bucket in (7, 8, 8):
        call = take(f"h{bucket}{life.ledger._writer.n}", charge(100, bucket=bucket, oldest=1))
        await life.ledger.open(call)
        life.ledger.settle(used(call, 10 + bucket), record(call.id))
    life.crash()
    again = Life(tmp_path)
    again.crash()
    for segment in again.journal.segments()[:-1]:
        segment.unlink()
    last = Life(tmp_path)
    last.crash()

    for store in (again.store, last.store):
        assert store.buckets() == {account("a"): {7: 17, 8: 36}}  # type: ignore[attr-defined]
    assert last.ledger.accounts() == {account("a"): Account(53, 0, 0)}


async def test_a_process_that_dies_while_it_recovers_begins_again(tmp_path: Path) -> None:
    """Wherever a start is interrupted, the next one ends what is open, each hold once."""
    clock = Clock()
    store = far(clock)
    life = await Life.joined(tmp_path, store, clock)
    for n in range(4):
        await life.ledger.open(take(f"h{n}", charge(1_040, 9_000)), draft=draft(f"h{n}"))
        life.ledger.sent(f"h{n}")
        life.ledger.saw(f"h{n}", n)
    life.crash()
    progress = (tmp_path / "progress").read_bytes()
    second = await Life.joined(tmp_path, store, clock)
    path = second.journal.segments()[-1]
    second.crash()
    written = path.read_bytes().splitlines(keepends=True)
    (tmp_path / "progress").write_bytes(progress)
    path.write_bytes(b"".join(written[:3]))  # its snapshot and two of the four ends
    third = await Life.joined(tmp_path, store, clock)
    third.crash()
    ends = [line for each in third.journal.segments() for line in replay.read(each, lambda *_: None)]
    records = [line.record for line in ends if isinstance(line, SettleLine) and line.record is not None]

    assert third.replayed.crashed == 2
    assert [(written_.id, written_.sequence) for written_ in records] == [(f"h{n}", n + 1) for n in range(4)]
    assert store.figures() == Account(sum(10 + 256 + n for n in range(4)), 0, 0)


async def test_a_torn_line_of_a_hold_was_never_asked_for(tmp_path: Path) -> None:
    """The store is asked after the line is whole: a torn one leaves nothing behind."""
    clock = Clock()
    store = far(clock)
    life = await Life.joined(tmp_path, store, clock)
    life.ledger._writer.hold(life.ledger._call(take("h", charge(100)), draft("h")).line)
    path = life.journal.segments()[-1]
    life.crash()
    path.write_bytes(path.read_bytes()[:-9])
    again = await Life.joined(tmp_path, store, clock)
    again.crash()

    assert (again.replayed.damaged, again.replayed.crashed, again.replayed.voided) == (1, 0, 0)
    assert store.figures() == Account(0, 0, 0)
