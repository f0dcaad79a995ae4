"""The ledger on counters in memory: what is opened is settled once, and a restart finds it all again."""

import logging
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.errors import JournalError
from sluice_dataplane.limits.store import Account, Held, KeyUsage, RateState, Refused
from sluice_dataplane.usage.figures import Figures
from sluice_dataplane.usage.recovery import Replayed
from support.ledgers import Life, full_disk, record, used
from support.stores import account, charge, rate, slot, take, void


async def test_a_call_is_held_and_then_posted(tmp_path: Path) -> None:
    """Open takes the hold, settle replaces it by what was spent and adds to the key's month."""
    life = Life(tmp_path)
    reservation = take("h", rate(), slot(1), charge(100))
    held = await life.ledger.open(reservation)
    while_open = life.ledger.accounts()
    life.ledger.settle(used(reservation, 30), record("h"))
    usage = life.ledger.key_usage()[("vk", "2026-09")]
    life.crash()

    assert held == Held((RateState(59, 1_000),), (900,))
    assert while_open == {account("a"): Account(0, 100, 0)}
    assert life.ledger.accounts() == {account("a"): Account(30, 0, 0)}
    assert (usage.requests, usage.input_tokens, usage.output_tokens, usage.cost_nusd) == (1, 10, 20, 30)


async def test_records_are_numbered_without_a_gap(tmp_path: Path) -> None:
    """Usage records carry the journal's source and count on across voids and restarts: a hole is a provable loss."""
    records = [record(f"h{n}") for n in range(6)]
    life = Life(tmp_path)
    source = life.ledger.source
    for n, written in enumerate(records):
        if n == 3:
            life.crash()
            life = Life(tmp_path)
        for reservation, last in ((take(f"v{n}", charge(1)), None), (take(f"h{n}", charge(1)), written)):
            await life.ledger.open(reservation)
            life.ledger.settle(void(reservation) if last is None else used(reservation, 1), last)
    life.crash()

    assert [written.sequence for written in records] == [1, 2, 3, 4, 5, 6]
    assert {written.source for written in records} == {source}


async def test_settling_again_does_nothing(tmp_path: Path) -> None:
    """A second settlement, and one of a call that was refused, change nothing, now and after a restart."""
    life = Life(tmp_path)
    reservation, too_much = take("h", charge(100)), take("i", charge(1_000))
    await life.ledger.open(reservation)
    refused = await life.ledger.open(too_much)
    for _ in range(2):
        life.ledger.settle(used(reservation, 30), record("h"))
        life.ledger.settle(used(too_much, 999), record("i"))
    life.crash()
    again = Life(tmp_path)
    again.crash()

    assert refused == Refused("charge", 0, None, 900)
    assert life.ledger.accounts() == again.ledger.accounts() == {account("a"): Account(30, 0, 0)}
    assert again.replayed == Replayed(lines=3, damaged=0, missing=0, crashed=0)


async def test_a_crashed_call_is_charged_what_it_held_once(tmp_path: Path) -> None:
    """A hold without a settlement is settled at its full amount by the next life, and by no later one."""
    life = Life(tmp_path)
    await life.ledger.open(take("h", rate(), charge(100), charge(7, name="b")))
    life.ledger.sent("h")
    life.crash()
    lives = []
    for _ in range(3):
        lives.append(Life(tmp_path))
        lives[-1].crash()

    assert [life.replayed.crashed for life in lives] == [1, 0, 0]
    for life in lives:
        assert life.ledger.accounts() == {account("a"): Account(100, 0, 0), account("b"): Account(7, 0, 0)}


@given(seed=st.integers(0, 2**32))
async def test_totals_after_a_restart_are_those_before(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Whatever was opened, settled, voided and rotated: accounts and key figures are exactly found again."""
    folder, draw = tmp_path_factory.mktemp("journal"), random.Random(seed)
    life, running = Life(folder, segment_bytes=4_000), []
    for n in range(draw.randint(0, 120)):
        reservation = take(f"h{n}", rate(0), charge(draw.randint(0, 9), 10**9), charge(3, 10**9, name=f"b{n % 4}"))
        await life.ledger.open(reservation)
        running.append(reservation)
        if draw.random() < 0.8:
            ended = running.pop(draw.randrange(len(running)))
            if draw.random() < 0.2:
                life.ledger.settle(void(ended), None)
            else:
                life.ledger.settle(used(ended, draw.randint(0, 20), draw.randint(0, 3)), record(ended.id))
        if draw.random() < 0.1:
            await life.ledger.tick()
    for reservation in running:
        life.ledger.settle(used(reservation, 1, 1), record(reservation.id))
    life.crash()
    again = Life(folder)
    again.crash()

    spent = {name: figures for name, figures in life.ledger.accounts().items() if figures.posted}
    found = {name: figures for name, figures in again.ledger.accounts().items() if figures.posted}
    assert found == spent
    assert again.ledger.key_usage() == life.ledger.key_usage()
    assert again.replayed.missing == again.replayed.damaged == again.replayed.crashed == 0


async def _two_calls(folder: Path) -> tuple[Path, list[bytes]]:
    """The journal of two calls, and their progress as it was before the second one's end was written down."""
    life = Life(folder)
    for n in range(2):
        reservation = take(f"h{n}", charge(100))
        await life.ledger.open(reservation)
        life.ledger.sent(f"h{n}")
        progress = (folder / "progress").read_bytes()
        life.ledger.settle(used(reservation, 30), record(f"h{n}"))
    path = life.journal.segments()[0]
    life.crash()
    (folder / "progress.then").write_bytes(progress)
    return path, path.read_bytes().splitlines(keepends=True)


def _forget_later_lives(folder: Path) -> None:
    for late in folder.glob("0000000[2-9].log"):
        late.unlink()
    (folder / "progress").write_bytes((folder / "progress.then").read_bytes())


async def test_a_settlement_torn_anywhere_is_charged_what_it_held(tmp_path: Path) -> None:
    """Wherever the last line was cut, everything before it counts, and the call it ended is charged its hold."""
    path, written = await _two_calls(tmp_path)
    whole = b"".join(written)
    for cut in range(1, len(written[-1])):
        _forget_later_lives(tmp_path)
        path.write_bytes(whole[:-cut])
        life = Life(tmp_path)
        await life.ledger.open(take("next", charge(1)))
        life.ledger.settle(used(take("next", charge(1)), 1), record("next"))
        life.crash()
        again = Life(tmp_path)
        again.crash()

        assert life.replayed == Replayed(lines=4, damaged=1, missing=0, crashed=1), cut
        assert again.ledger.accounts() == {account("a"): Account(30 + 100 + 1, 0, 0)}
        assert again.ledger.key_usage()[("vk", "2026-09")].requests == 2


async def test_a_hold_torn_anywhere_was_never_sent(tmp_path: Path) -> None:
    """A hold line that was cut belongs to a call that was not sent yet: nothing is charged for it."""
    path, written = await _two_calls(tmp_path)
    for cut in range(1, len(written[-2])):
        _forget_later_lives(tmp_path)
        path.write_bytes(b"".join(written[:-1])[:-cut])
        life = Life(tmp_path)
        life.crash()

        assert life.replayed == Replayed(lines=3, damaged=1, missing=0, crashed=0), cut
        assert life.ledger.accounts() == {account("a"): Account(30, 0, 0)}


async def test_a_damaged_line_in_the_middle_is_skipped_and_kept(tmp_path: Path) -> None:
    """Damage loses its own line only; a copy of it is kept, and its call is charged what it held."""
    path, written = await _two_calls(tmp_path)
    written[2] = b"#" + written[2][1:]  # the settlement of h0
    path.write_bytes(b"".join(written))
    life = Life(tmp_path)
    life.crash()

    assert life.replayed == Replayed(lines=4, damaged=1, missing=1, crashed=1)
    assert life.ledger.accounts() == {account("a"): Account(130, 0, 0)}
    assert [copy.read_bytes() for copy in (tmp_path / "quarantine").iterdir()] == [written[2]]


async def test_a_full_disk_stops_admission_and_settles_what_runs(tmp_path: Path) -> None:
    """With the disk full no call begins and nothing stays held; calls that run are settled and survive a restart."""
    life = Life(tmp_path)
    running = [take(f"h{n}", rate(0), slot(99), charge(10, 10**6)) for n in range(40)]
    for reservation in running:
        await life.ledger.open(reservation)
        life.ledger.sent(reservation.id)
    with full_disk(life.journal.segments()[0]):
        for n in range(2):
            with pytest.raises(JournalError) as caught:
                await life.ledger.open(take(f"late{n}", slot(99), charge(10, 10**6)))
        for reservation in running[:20]:
            life.ledger.settle(used(reservation, 7), record(reservation.id))
        figures = life.ledger.figures()
        await life.ledger.tick()
        still_full = life.journal.full
        accounts = dict(life.ledger.accounts())
    life.crash()
    again = Life(tmp_path)
    again.crash()

    assert (caught.value.status, caught.value.code) == (503, "journal_unavailable")
    assert figures == Figures(running=20, waiting=0, unjournaled=0, journal_full=True)
    assert still_full
    assert accounts == {account("a"): Account(140, 200, 0)}
    assert again.ledger.accounts() == {account("a"): Account(140 + 200, 0, 0)}
    assert again.replayed.crashed == 20


async def test_admission_goes_on_when_there_is_space_again(tmp_path: Path) -> None:
    """After a full disk the next round of upkeep opens the door, and nothing written meanwhile is lost."""
    life = Life(tmp_path)
    running = [take(f"h{n}", charge(10, 10**6)) for n in range(40)]
    for reservation in running:
        await life.ledger.open(reservation)
        life.ledger.sent(reservation.id)
    with full_disk(life.journal.segments()[0]), pytest.raises(JournalError):
        await life.ledger.open(take("late", charge(10, 10**6)))
    life.ledger.settle(used(running[0], 7), record("h0"))
    await life.ledger.tick()
    held = await life.ledger.open(take("then", charge(10, 10**6)))
    life.ledger.settle(used(take("then", charge(10, 10**6)), 5), record("then"))
    life.crash()
    again = Life(tmp_path)
    again.crash()

    assert isinstance(held, Held)
    assert again.replayed == Replayed(lines=1 + 40 + 1 + 2, damaged=0, missing=0, crashed=39)
    assert again.ledger.accounts() == {account("a"): Account(7 + 5 + 390, 0, 0)}


async def test_settling_never_raises(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With no journal at all a running call is still counted, and that it could not be written is said."""
    life = Life(tmp_path)
    reservation = take("h", charge(100))
    await life.ledger.open(reservation)
    life.crash()
    with caplog.at_level(logging.ERROR):
        life.ledger.settle(used(reservation, 30), record("h"))

    assert life.ledger.accounts() == {account("a"): Account(30, 0, 0)}
    assert life.ledger.figures().unjournaled == 1
    assert "ledger.unjournaled" in caplog.text


async def test_a_record_that_cannot_be_written_is_settled_without(tmp_path: Path) -> None:
    """A client's text that is no text costs the record, not the settlement."""
    life = Life(tmp_path)
    reservation = take("h", charge(100))
    await life.ledger.open(reservation)
    life.ledger.settle(used(reservation, 30), record("h", user="\ud800"))
    life.crash()
    again = Life(tmp_path)
    again.crash()

    assert again.ledger.accounts() == {account("a"): Account(30, 0, 0)}
    assert again.replayed.crashed == 0


async def test_a_settlement_that_makes_no_sense_is_logged_not_raised(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A caller's ``finally`` goes on whatever is wrong with its settlement."""
    life = Life(tmp_path)
    reservation = take("h", charge(100))
    await life.ledger.open(reservation)
    life.ledger.settle(used(reservation, 1, 2, 3), None)
    life.crash()

    assert "ledger.settle_failed" in caplog.text


async def test_segments_stand_alone(tmp_path: Path) -> None:
    """After a rotation the new segment is enough: open holds, accounts and figures are in its first line."""
    life = Life(tmp_path, segment_bytes=2_000)
    for n in range(10):
        reservation = take(f"h{n}", charge(10))
        await life.ledger.open(reservation)
        life.ledger.settle(used(reservation, 1), record(f"h{n}"))
    open_one = take("open", charge(10))
    await life.ledger.open(open_one)
    await life.ledger.tick()
    life.ledger.settle(used(open_one, 5), record("open"))
    life.crash()
    first, second = life.journal.segments()
    first.unlink()
    again = Life(tmp_path)
    again.crash()

    assert second.exists()
    assert again.ledger.accounts() == {account("a"): Account(15, 0, 0)}
    assert again.ledger.key_usage()[("vk", "2026-09")].requests == 11


async def test_a_call_that_runs_long_keeps_its_hold(tmp_path: Path) -> None:
    """Upkeep extends what runs: however long a call takes, it is not orphaned and keeps its slot."""
    life = Life(tmp_path)
    await life.ledger.open(take("h", slot(1), charge(100), ttl_ms=9_000))
    for _ in range(20):
        life.clock.now_ms += 4_000
        await life.ledger.tick()
    refused = await life.ledger.open(take("i", slot(1)))
    life.crash()

    assert life.ledger.accounts() == {account("a"): Account(0, 100, 0)}
    assert isinstance(refused, Refused)


async def test_rates_begin_anew_after_a_restart(tmp_path: Path) -> None:
    """What a restart forgets is only how full the buckets were."""
    life = Life(tmp_path)
    await life.ledger.open(take("h", rate(60)))
    life.ledger.settle(used(take("h", rate(60))), record("h"))
    life.crash()
    again = Life(tmp_path)
    held = await again.ledger.open(take("i", rate(60)))
    again.crash()

    assert isinstance(held, Held)


async def test_counters_in_this_process_are_never_sent_to_again(tmp_path: Path) -> None:
    """A restart has counted its journal once it has read it: closing does not settle any of it a second time."""
    life = Life(tmp_path)
    await life.ledger.open(take("h", charge(100)))
    life.ledger.settle(used(take("h", charge(100)), 30), record("h"))
    life.crash()
    again = Life(tmp_path)
    waiting = again.ledger.figures().waiting
    await again.ledger.close(1)

    assert waiting == 0
    assert again.ledger.accounts() == {account("a"): Account(30, 0, 0)}


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """Two processes never write one journal."""
    life = Life(tmp_path)
    with pytest.raises(JournalError, match="another process"):
        Life(tmp_path)
    life.crash()


async def test_usage_of_a_crashed_call_that_nobody_drafted_is_nobodys(tmp_path: Path) -> None:
    """Of a call without a draft only its budgets are charged; no usage is invented for its key."""
    life = Life(tmp_path)
    reservation = take("done", charge(10))
    await life.ledger.open(reservation)
    life.ledger.settle(used(reservation, 5), record("done"))
    before: dict[tuple[str, str], KeyUsage] = dict(life.ledger.key_usage())
    await life.ledger.open(take("h", charge(100)))
    life.ledger.sent("h")
    life.crash()
    again = Life(tmp_path)
    again.crash()

    assert again.ledger.key_usage() == before
