"""The holder: replaced whole, or the last good table stays."""

import pytest

from sluice_contract import codec
from sluice_contract.errors import SnapshotInvalidError
from sluice_contract.snapshot import Snapshot
from sluice_dataplane.config.holder import Holder
from support.builders import model, upstream


def test_nothing_is_served_before_a_snapshot_came() -> None:
    """A fresh process is not ready and holds no keys: never open."""
    holder = Holder(lambda: 1)

    assert not holder.ready
    assert not holder.current().proofs


def test_a_damaged_snapshot_leaves_the_last_good_one_in_force() -> None:
    """A bad offer raises, changes nothing, and a good one afterwards is taken."""
    told: list[str] = []
    holder = Holder(lambda: 7)
    holder.listen(lambda table: told.append(table.revision))
    first = codec.encode(Snapshot())
    second = codec.encode(Snapshot(models=(model(),), upstreams=(upstream(),)))
    old = holder.offer(first[codec.INDEX], first)

    with pytest.raises(SnapshotInvalidError):
        holder.offer(second[codec.INDEX], {**second, "models": b"junk"})
    assert holder.current() is old

    new = holder.offer(second[codec.INDEX], second)
    assert holder.current() is new
    assert told == [old.revision, new.revision]


def test_the_same_snapshot_again_is_not_built_again() -> None:
    """Repeated offers of one revision keep the very same table."""
    holder = Holder(lambda: 1)
    parts = codec.encode(Snapshot())

    assert holder.offer(parts[codec.INDEX], parts) is holder.offer(parts[codec.INDEX], parts)
