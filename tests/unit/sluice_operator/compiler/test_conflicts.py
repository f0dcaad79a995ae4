"""Who gets what two want."""

from sluice_operator.compiler.conflicts import Claimant, losses
from sluice_operator.verdicts import ResourceRef


def ref(name: str, namespace: str = "a") -> ResourceRef:
    """A ModelDeployment's ref."""
    return ResourceRef("ModelDeployment", namespace, name, f"uid-{namespace}-{name}", 1)


def test_the_oldest_wins() -> None:
    """Age decides, not the order of the list or the name."""
    lost = losses([Claimant(ref("a"), 2, ("x",)), Claimant(ref("b"), 1, ("x",))])

    assert {loser.name: loss.winner.name for loser, loss in lost.items()} == {"a": "b"}


def test_of_one_age_the_first_by_namespace_then_name_wins() -> None:
    """Equal ages are broken the same way in every run."""
    lost = losses([Claimant(ref("a", "b"), 1, ("x",)), Claimant(ref("z", "a"), 1, ("x",))])

    assert {str(loser): str(loss.winner) for loser, loss in lost.items()} == {
        "ModelDeployment b/a": "ModelDeployment a/z"
    }


def test_a_loser_stands_in_nobodys_way() -> None:
    """What a loser claims besides is free for the next: one bad resource takes no good one down."""
    lost = losses(
        [Claimant(ref("old"), 1, ("x",)), Claimant(ref("loser"), 2, ("x", "y")), Claimant(ref("young"), 3, ("y",))]
    )

    assert [loser.name for loser in lost] == ["loser"]


def test_a_claim_does_not_print() -> None:
    """Claims may be digests of keys: neither claimants nor losses show them."""
    claimant, other = Claimant(ref("a"), 1, ("secret-digest",)), Claimant(ref("b"), 2, ("secret-digest",))

    assert "secret-digest" not in repr((claimant, losses([claimant, other])))
