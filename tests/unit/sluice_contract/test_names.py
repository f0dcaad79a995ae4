"""Names that two programs agree on."""

import re

import pytest

from sluice_contract import codec, names

KEYS = [
    names.HOLDS,
    names.ORPHANS,
    names.STORE,
    names.APPLIED,
    names.BEATS,
    names.CAUGHT_UP,
    names.ACCOUNTS,
    names.USAGES,
    names.USAGE_STREAM,
    names.holes("source-1"),
    names.account("b-uid", "2026-09", "-"),
    names.bucket("vk1", "Requests", 60_000),
    names.slots("vk1"),
    names.hold("req-1"),
    names.key_usage("vk1", "2026-09"),
]


@pytest.mark.parametrize("key", KEYS)
def test_all_counters_of_a_call_are_in_one_redis_slot(key: str) -> None:
    """Every Redis key has the one hash tag, so that a script may touch several of them on a Redis Cluster."""
    assert re.findall(r"\{(.*?)\}", key) == ["sluice"]


def test_no_two_kinds_of_counter_share_a_key() -> None:
    """Equal ids in different roles give different Redis keys."""
    made = [
        names.slots("x"),
        names.hold("x"),
        names.holes("x"),
        names.key_usage("x", "x"),
        names.account("x", "x", "x"),
    ]

    assert len({*made, *KEYS}) == len(made) + len(KEYS)


def test_window_is_in_an_accounts_name() -> None:
    """A late settlement goes to the window its hold was taken on, so windows have accounts of their own."""
    assert names.account("b", "2026-09", "-") != names.account("b", "2026-10", "-")


@pytest.mark.parametrize("part", [*codec.PARTS, codec.INDEX])
def test_objects_of_a_release_have_names_kubernetes_takes(part: str) -> None:
    """Each part's object is named after its release, in the form the API server accepts."""
    name = names.object_name("sluice", part)

    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    assert name.startswith("sluice-")
    assert name.endswith(part)
