"""What all sources share."""

import logging

import pytest

from sluice_contract import codec
from sluice_contract.snapshot import Snapshot
from sluice_dataplane.config.source import BACKOFF_CAP_SECONDS, Backoff, Shelf, StateLog
from support import builders

OLD, NEW = codec.encode(Snapshot()), codec.encode(Snapshot(models=(builders.model(),)))


def test_bundle_is_whole_or_not_there() -> None:
    """While one part of an index is not held there is no bundle of it; with the last part there is."""
    shelf, index = Shelf(), codec.decode_index(NEW[codec.INDEX])
    for name in codec.PARTS[:-1]:
        shelf.put(name, NEW[name])

    assert shelf.bundle(NEW[codec.INDEX], index) is None

    shelf.put(codec.PARTS[-1], NEW[codec.PARTS[-1]])
    bundle = shelf.bundle(NEW[codec.INDEX], index)

    assert bundle is not None
    assert {**bundle.parts, codec.INDEX: bundle.index} == NEW


def test_part_of_another_revision_is_lacking() -> None:
    """A part that is held with another digest counts as not held, and is named."""
    shelf = Shelf()
    for name in codec.PARTS:
        shelf.put(name, OLD[name])

    assert shelf.lacking(codec.decode_index(NEW[codec.INDEX])) == (codec.MODELS,)


def test_bundle_does_not_change_when_newer_parts_come() -> None:
    """A bundle that was handed out stays as it was while the next one is gathered."""
    shelf = Shelf()
    for name in codec.PARTS:
        shelf.put(name, OLD[name])
    bundle = shelf.bundle(OLD[codec.INDEX], codec.decode_index(OLD[codec.INDEX]))
    shelf.put(codec.MODELS, NEW[codec.MODELS])

    assert bundle is not None
    assert bundle.parts[codec.MODELS] == OLD[codec.MODELS]


def test_bundle_does_not_print_its_parts() -> None:
    """Parts hold credentials: they are not in what a bundle prints."""
    shelf = Shelf()
    for name in codec.PARTS:
        shelf.put(name, OLD[name])

    assert "parts=" not in repr(shelf.bundle(OLD[codec.INDEX], codec.decode_index(OLD[codec.INDEX])))


@pytest.mark.parametrize("random", [0.0, 0.999])
def test_waits_grow_to_a_cap_and_differ(random: float) -> None:
    """The first try is made at once; then waits grow to at most the cap, and never fall under half of it."""
    backoff = Backoff(lambda: random)
    waits = [backoff.next_seconds() for _ in range(40)]

    assert waits[0] == 0
    assert waits == sorted(waits)
    assert BACKOFF_CAP_SECONDS / 2 <= waits[-1] <= BACKOFF_CAP_SECONDS


def test_success_makes_the_next_failure_a_first_one() -> None:
    """After a reset the next try is made at once again."""
    backoff = Backoff(lambda: 0.5)
    for _ in range(9):
        backoff.next_seconds()
    backoff.reset()

    assert backoff.next_seconds() == 0


def test_state_is_told_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    """A thousand failures for one reason are one line, and the recovery is another."""
    caplog.set_level(logging.INFO)
    state = StateLog("cluster")
    for _ in range(1000):
        state.failing("there is no index")
    state.working()
    state.working()

    assert [record.message for record in caplog.records] == ["config.source_failing", "config.source_recovered"]
