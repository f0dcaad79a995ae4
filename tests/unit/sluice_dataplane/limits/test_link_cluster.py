"""What a cluster's answers mean."""

from typing import Any

import pytest

from sluice_contract import names
from sluice_dataplane.limits.link_cluster import MAX_NODES, OUR_SLOT, moved_to, nodes_in, owner_in, slot_of

ASKED = ("seed", 7000)


@pytest.mark.parametrize(
    ("key", "slot"),
    [("foo", 12182), ("{user1000}.following", 3443), ("foo{}{bar}", 8363), ("foo{{bar}}zap", 4015), ("", 0)],
)
def test_a_key_is_where_redis_has_it(key: str, slot: int) -> None:
    """As CLUSTER KEYSLOT answers: the tag alone counts where there is one."""
    assert slot_of(key) == slot


def test_all_our_keys_are_in_one_slot() -> None:
    """Whatever is counted, one node has it."""
    ours = [names.HOLDS, names.hold("h"), names.account("b", "w", "-"), names.slots("k"), names.holes("s")]

    assert {slot_of(key) for key in ours} == {OUR_SLOT}


def _span(first: int, last: int, *servers: Any) -> list[Any]:
    return [first, last, *servers]


@pytest.mark.parametrize(
    ("reply", "owner"),
    [
        ([_span(0, 16383, [b"a", 1, b"id", []], [b"b", 2, b"id", []])], ("a", 1)),
        ([_span(0, OUR_SLOT - 1, [b"a", 1, b"id"]), _span(OUR_SLOT, OUR_SLOT, [b"b", 2, b"id"])], ("b", 2)),
        ([_span(0, OUR_SLOT, [None, 1, b"id"])], ("seed", 1)),
        ([_span(0, OUR_SLOT, [b"", 1, b"id"])], ("seed", 1)),
        ([_span(0, OUR_SLOT, [b"?", 1, b"id"])], ("seed", 1)),
        ([_span(OUR_SLOT + 1, 16383, [b"a", 1, b"id"])], None),
        ([], None),
        ([b"nonsense"], None),
        ([_span(0, 16383)], None),
    ],
)
def test_the_owner_is_the_first_of_the_range_that_holds_our_slot(
    reply: list[Any], owner: tuple[str, int] | None
) -> None:
    """Masters come first; a node without a name of its own is where we found it; nobody is nobody."""
    assert owner_in(reply, ASKED) == owner


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("MOVED 3999 10.0.0.1:6381", ("10.0.0.1", 6381)),
        ("MOVED 3999 redis-1.redis:6381", ("redis-1.redis", 6381)),
        ("MOVED 3999 fd00::1:6381", ("fd00::1", 6381)),
        ("MOVED 3999 :6381", ("seed", 6381)),
        ("MOVED 3999 ?:6381", ("seed", 6381)),
        ("MOVED 3999", None),
        ("MOVED 3999 nowhere", None),
        ("READONLY You can't write against a read only replica.", None),
    ],
)
def test_a_move_says_where_to(text: str, node: tuple[str, int] | None) -> None:
    """The forms that a MOVED has; what cannot be read sends us nowhere."""
    assert moved_to(text, ASKED) == node


def test_all_nodes_are_remembered_within_bounds() -> None:
    """Masters and replicas, each once, and no more than a limit."""
    reply = [_span(n, n, [b"a", n, b"id"], [b"b", n, b"id"]) for n in range(100)]

    assert nodes_in([*reply[:1], *reply[:1], b"nonsense"], ASKED) == (("a", 0), ("b", 0))
    assert len(nodes_in(reply, ASKED)) == MAX_NODES
