"""The words of verdicts."""

from sluice_operator.compiler.findings import FINDING_TYPES, Problem, resolved, unseen


def test_every_problem_is_told_once() -> None:
    """The reason is the first problem's; the message holds each of them, and none twice."""
    found = resolved((Problem("A", "One."), Problem("B", "Two."), Problem("A", "One.")))

    assert (found.reason, found.message) == ("A", "One. Two.")


def test_an_unread_resource_answers_for_all_its_conditions() -> None:
    """No condition of an earlier generation stays behind as if it still held."""
    said = {kind: tuple(each.type for each in unseen(kind, Problem("Invalid", "Bad."))) for kind in FINDING_TYPES}

    assert said == FINDING_TYPES
