"""Who gets what two want: the oldest, then the first by namespace and name.  The loser is told the winner."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sluice_operator.verdicts import ResourceRef


@dataclass(frozen=True, slots=True)
class Claimant:
    """A resource and all that nobody else may have beside it.  What is claimed never prints: it may be a digest."""

    ref: ResourceRef
    created_ms: int
    claims: tuple[str, ...] = field(repr=False)

    @property
    def seniority(self) -> tuple[int, str, str]:
        """Sorts before the seniority of whoever has to give way."""
        return self.created_ms, self.ref.namespace, self.ref.name


@dataclass(frozen=True, slots=True)
class Loss:
    """What a resource could not have, and who has it."""

    claim: str = field(repr=False)
    winner: ResourceRef


def losses(claimants: Iterable[Claimant]) -> Mapping[ResourceRef, Loss]:
    """The losers, each with the first of its claims that an older resource holds.

    A claimant gets all of its claims or none: a loser holds nothing and stands in nobody's way.
    """
    holders: dict[str, ResourceRef] = {}
    lost: dict[ResourceRef, Loss] = {}
    for claimant in sorted(claimants, key=lambda claimant: claimant.seniority):
        taken = next((claim for claim in claimant.claims if claim in holders), None)
        if taken is None:
            holders.update(dict.fromkeys(claimant.claims, claimant.ref))
        else:
            lost[claimant.ref] = Loss(taken, holders[taken])
    return lost
