"""What people are told as Events."""

from typing import Any

from sluice_operator.publisher.conditions import Condition
from sluice_operator.publisher.notices import key_created, of_change
from sluice_operator.verdicts import ResourceRef

REF = ResourceRef("VirtualKey", "team", "checkout", "u1", 2)


def told(known: dict[str, Any], *conditions: Condition) -> list[tuple[str, str]]:
    """Reason and type of what is told."""
    return [(notice.reason, notice.type) for notice in of_change(REF, known, conditions)]


def test_what_ceases_to_hold_is_told_under_its_reason() -> None:
    """A condition that does not hold any more is told; what people asked for is no warning."""
    conflicted = Condition("Accepted", "False", "Conflicted", "m")
    suspended = Condition("Active", "False", "Suspended", "m")
    unpriced = Condition("Priced", "False", "Unpriced", "m")

    assert told({}, conflicted, suspended, unpriced) == [
        ("Conflicted", "Warning"),
        ("KeySuspended", "Normal"),
        ("ModelUnpriced", "Warning"),
    ]


def test_what_was_said_before_is_not_told_again() -> None:
    """The same reason once more is no news; another reason is."""
    known = {"conditions": [{"type": "ResolvedRefs", "status": "False", "reason": "SecretNotFound"}]}

    assert told(known, Condition("ResolvedRefs", "False", "SecretNotFound", "other words")) == []
    assert told(known, Condition("ResolvedRefs", "False", "RefNotPermitted", "m")) == [("RefNotPermitted", "Warning")]


def test_what_holds_and_what_follows_is_not_told() -> None:
    """Good news and conditions that only follow from others make no noise."""
    assert told({}, Condition("Accepted", "True", "Accepted", "m"), Condition("Ready", "False", "Pending", "m")) == []


def test_a_key_is_named_by_its_id() -> None:
    """The Event of a new key holds its id and its Secret's name."""
    notice = key_created(REF, key_id="vk1", secret="checkout-key")

    assert (notice.reason, notice.message) == ("KeyCreated", "Key vk1 is in Secret checkout-key")
