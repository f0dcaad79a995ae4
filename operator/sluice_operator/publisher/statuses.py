"""What is to be said of each object: verdict, publication and run-time facts, until the object is gone.  Pure.

Methods that take something in return the uids of objects whose status may have to be said anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sluice_operator.publisher.conditions import Facts, compose, remembered
from sluice_operator.publisher.revisions import Programmed, Revisions
from sluice_operator.verdicts import ResourceRef, Verdict


@dataclass(slots=True)
class _Subject:
    verdict: Verdict
    sequence: int | None  # the first publication that contains it as it is now; None: it is in none yet
    facts: dict[str, Facts] = field(default_factory=dict)
    shown: Programmed | None = None


class Statuses:
    """One subject for each object that has a verdict."""

    def __init__(self, revisions: Revisions) -> None:
        self._revisions: Final = revisions
        self._subjects: dict[str, _Subject] = {}
        self._refused: str | None = None

    def judge(
        self, verdicts: Iterable[Verdict], *, sequence: int | None, refused: str | None, withheld: frozenset[str]
    ) -> list[str]:
        """Take in the verdicts of all objects; who has none is gone.

        Args:
            verdicts: one for each object.
            sequence: the publication they are in; None when it could not be written.
            refused: why it could not, for people.
            withheld: uids of objects about which nothing is to be said before the next compilation.
        """
        self._refused = refused
        subjects: dict[str, _Subject] = {}
        touched: list[str] = []
        for verdict in verdicts:
            uid = verdict.ref.uid
            known = self._subjects.get(uid)
            if uid in withheld or (known and known.verdict == verdict and known.sequence is not None):
                if known:
                    subjects[uid] = known
                continue
            subjects[uid] = _judged(known, verdict, sequence)
            touched.append(uid)
        self._subjects = subjects
        self._revisions.forget_all_but(frozenset(s.sequence for s in subjects.values() if s.sequence is not None))
        return touched

    def note(self, uid: str, source: str, facts: Facts) -> bool:
        """Take in what *source* found at run time about one object; whether that is news."""
        subject = self._subjects.get(uid)
        if subject is None or subject.facts.get(source) == facts:
            return False
        subject.facts[source] = facts
        return True

    def reprogrammed(self) -> tuple[list[str], list[str]]:
        """Objects that may have become live, or ceased to be; and those of which only a count changed."""
        views: dict[int, Programmed] = {}
        flipped: list[str] = []
        counted: list[str] = []
        for uid, subject in self._subjects.items():
            if subject.sequence is None:
                continue
            if subject.sequence not in views:
                views[subject.sequence] = self._revisions.programmed(subject.sequence)
            view, shown = views[subject.sequence], subject.shown
            if view != shown:
                both = shown is not None and shown.everywhere and view.everywhere
                (counted if both else flipped).append(uid)
        return flipped, counted

    def compose(self, uid: str, known: Mapping[str, Any]) -> tuple[ResourceRef, Facts] | None:
        """What is to be said of the object whose status is *known*; None if there is no such object."""
        subject = self._subjects.get(uid)
        if subject is None:
            return None
        ref = subject.verdict.ref
        view = None if subject.sequence is None else self._revisions.programmed(subject.sequence)
        subject.shown = view
        said = view and remembered(view, generation=ref.generation, known=known)
        return ref, compose(subject.verdict, said, subject.facts.values(), self._refused)

    def ref(self, uid: str) -> ResourceRef | None:
        """The object of that uid, None if there is none."""
        subject = self._subjects.get(uid)
        return subject.verdict.ref if subject else None


def _judged(known: _Subject | None, verdict: Verdict, sequence: int | None) -> _Subject:
    if known is None:
        return _Subject(verdict, sequence)
    ref, before = verdict.ref, known.verdict
    same = (before.ref.generation, before.served) == (ref.generation, verdict.served)
    kept = known.sequence if same and known.sequence is not None else sequence
    return _Subject(verdict, kept, known.facts, known.shown)
