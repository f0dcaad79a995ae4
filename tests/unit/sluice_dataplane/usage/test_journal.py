"""The journal's files: what survives, what is refused, and what happens on a full disk."""

import errno
import os
from pathlib import Path

import pytest

from sluice_dataplane.errors import JournalError
from sluice_dataplane.usage.journal import Journal
from support.ledgers import full_disk

RESERVE = 4_096


def _journal(folder: Path) -> Journal:
    journal = Journal(folder, segment_bytes=1_000, reserve_bytes=RESERVE)
    journal.open()
    return journal


def _begun(folder: Path) -> Journal:
    """A journal whose segment is larger than its reserve, so that a limit on the one leaves room in the other."""
    journal = _journal(folder)
    journal.begin(b"x" * (2 * RESERVE) + b"\n")
    return journal


def test_what_was_appended_is_in_the_file(tmp_path: Path) -> None:
    """When append returns the kernel has the line: no buffer of ours stands between."""
    journal = _journal(tmp_path)
    journal.begin(b"first\n")
    journal.append(b"second\n")
    there = journal.segments()[0].read_bytes()
    journal.close()

    assert there == b"first\nsecond\n"


def test_source_stays_for_the_life_of_the_folder(tmp_path: Path) -> None:
    """Every life of the process writes under the same source."""
    first = _journal(tmp_path)
    first.close()
    second = _journal(tmp_path)
    second.close()

    assert first.source == second.source
    assert len(first.source) == 36


def test_one_process_owns_a_journal(tmp_path: Path) -> None:
    """A second owner is refused while the first is there, and let in when it has gone."""
    first = _journal(tmp_path)
    with pytest.raises(JournalError, match="another process"):
        _journal(tmp_path)
    first.close()
    _journal(tmp_path).close()


def test_a_new_segment_begins_when_the_old_one_is_over_its_size(tmp_path: Path) -> None:
    """Past its size a segment is due to end; later lines go into the next one, in a later life too."""
    journal = _journal(tmp_path)
    journal.begin(b"a\n")
    before = journal.due
    journal.append(b"b" * 1_000 + b"\n")
    due = journal.due
    journal.begin(b"c\n")
    journal.append(b"d\n")
    journal.close()
    again = _journal(tmp_path)
    again.begin(b"e\n")
    names = [path.name for path in again.segments()]
    again.close()

    assert (before, due) == (False, True)
    assert names == ["00000001.log", "00000002.log", "00000003.log"]
    assert (tmp_path / "00000002.log").read_bytes() == b"c\nd\n"


@pytest.mark.parametrize("room", [0, 1, 5, 9])
def test_a_line_that_does_not_fit_leaves_no_trace(tmp_path: Path, room: int) -> None:
    """On a full disk a line is refused whole, and everything after it until there is space again."""
    journal = _begun(tmp_path)
    size = journal.segments()[0].stat().st_size
    with full_disk(journal.segments()[0], room=room), pytest.raises(JournalError):
        journal.append(b"0123456789\n")
    with pytest.raises(JournalError):
        journal.append(b"even if there is space again\n")
    full = journal.full
    journal.close()

    assert full
    assert (tmp_path / "00000001.log").stat().st_size == size


def test_running_calls_are_settled_on_a_full_disk(tmp_path: Path) -> None:
    """What must be written goes into the reserve, and from there into the segment when there is space again."""
    journal = _begun(tmp_path)
    path = journal.segments()[0]
    with full_disk(path):
        written = [journal.append_surely(b"settled %d\n" % n) for n in range(3)]
        recovered_early = journal.recover()
    recovered = journal.recover()
    journal.append(b"after\n")
    journal.close()

    assert written == [True, True, True]
    assert (recovered_early, recovered, journal.full) == (False, True, False)
    assert path.read_bytes().split(b"\n")[1:] == [b"", b"settled 0", b"settled 1", b"settled 2", b"after", b""]


def test_the_reserve_is_read_by_the_next_life(tmp_path: Path) -> None:
    """What was in the reserve when the process died is a segment of its own in the next life, once."""
    journal = _begun(tmp_path)
    with full_disk(journal.segments()[0]):
        journal.append_surely(b"settled\n")
    journal.close()
    second = _journal(tmp_path)
    found = [path.read_bytes() for path in second.segments()]
    second.close()
    third = _journal(tmp_path)
    third.close()

    assert found[1:] == [b"settled\n"]
    assert len(third.segments()) == 2


def test_a_spent_reserve_says_so(tmp_path: Path) -> None:
    """When the reserve has no room either, the caller is told that the line is lost."""
    journal = _begun(tmp_path)
    with full_disk(journal.segments()[0]):
        written = [journal.append_surely(b"s" * 999 + b"\n") for _ in range(6)]
    journal.close()

    assert written == [True, True, True, True, False, False]


def test_a_segment_that_cannot_begin_leaves_the_old_one_in_use(tmp_path: Path) -> None:
    """A rotation that fails loses nothing: the segment before goes on."""
    journal = _begun(tmp_path)
    (tmp_path / "00000002.log").write_bytes(b"somebody's\n")
    with pytest.raises(JournalError):
        journal.begin(b"next\n")
    journal.append(b"goes on\n")
    journal.close()

    assert (tmp_path / "00000001.log").read_bytes().endswith(b"goes on\n")
    assert (tmp_path / "00000002.log").read_bytes() == b"somebody's\n"


def test_a_folder_that_cannot_be_used_is_a_journal_error(tmp_path: Path) -> None:
    """A path that is no folder is told as what it is, and nothing stays locked."""
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be opened"):
        _journal(tmp_path / "file" / "journal")


def test_the_acknowledged_mark_is_kept(tmp_path: Path) -> None:
    """The mark is read back; no mark, and one that makes no sense, are no mark."""
    journal = _journal(tmp_path)
    none = journal.mark("acknowledged")
    journal.put_mark("acknowledged", 41)
    kept = journal.mark("acknowledged")
    (tmp_path / "acknowledged").write_bytes(b"\0\0")
    damaged = journal.mark("acknowledged")
    journal.close()

    assert (none, kept, damaged) == (None, 41, None)


def test_sync_is_due_only_where_it_is_the_policy(tmp_path: Path) -> None:
    """With ``interval`` new lines wait to be synced, and synced ones do not; with ``never`` nothing does."""
    never, interval = Journal(tmp_path / "n"), Journal(tmp_path / "i", fsync="interval")
    due = []
    for journal in (never, interval):
        journal.open()
        journal.begin(b"a\n")
        due.append(journal.unsynced)
        journal.sync()
        due.append(journal.unsynced)
        journal.close()

    assert due == [False, False, True, False]


def test_a_disk_that_fails_to_sync_is_not_built_upon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error nothing is admitted, a further sync of the same file is no success, and what must be written goes
    into the reserve; only a new file that the disk has taken opens the door again, with all of the reserve in it.
    """
    fails, real, synced = [True], os.fdatasync, []

    def fdatasync(fd: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))
        if fails[0]:
            raise OSError(errno.EIO, "I/O error")
        real(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    journal = Journal(tmp_path, fsync="interval", reserve_bytes=RESERVE)
    journal.open()
    journal.begin(b"first\n")
    journal.sync()
    with pytest.raises(JournalError):
        journal.append(b"refused\n")
    kept = journal.append_surely(b"settled\n")
    first = journal.recover()
    fails[0] = False
    second = journal.recover()
    journal.append(b"then\n")
    due, full = journal.due, journal.full
    journal.close()

    assert (kept, first, second, due, full) == (True, False, True, True, False)
    assert (tmp_path / "00000001.log").read_bytes() == b"first\n"
    assert [path.read_bytes() for path in journal.segments()[1:]] == [b"\nsettled\nthen\n"]
    assert synced.count(str(tmp_path / "00000001.log")) == 1


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    """No file descriptor is closed twice: it might be somebody else's by then."""
    journal = _begun(tmp_path)
    journal.close()
    mine = os.open(tmp_path / "mine", os.O_CREAT | os.O_WRONLY)
    journal.close()

    assert os.write(mine, b"x") == 1
    os.close(mine)
