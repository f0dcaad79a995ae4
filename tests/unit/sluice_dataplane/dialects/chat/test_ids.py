"""Ids for calls that came without one."""

from sluice_dataplane.dialects.chat.ids import Ids


def test_ids_are_free_and_the_same_each_time() -> None:
    """None is given twice, none is taken, and no chance is in them."""
    ids = Ids({"call_1"})

    assert [ids.free() for _ in range(3)] == ["call_0", "call_2", "call_3"]
