"""What people read after a compilation."""

from pathlib import Path

from sluice_cli.compiling import Outcome
from sluice_cli.documents import Problem
from sluice_cli.report import report
from sluice_operator.verdicts import Finding, ResourceRef, Verdict

KEY = ResourceRef("VirtualKey", "default", "app", "u1", 1)
MODEL = ResourceRef("ModelDeployment", "default", "echo", "u2", 1)


def finding(type_: str, *, holds: bool, reason: str = "R", message: str = "Because.") -> Finding:
    """A finding."""
    return Finding(type_, holds=holds, reason=reason, message=message)


def test_problems_are_told_with_their_place_and_what_follows() -> None:
    """Somebody who reads only this knows which line to mend, and that nothing changed."""
    text = report(Outcome(None, (Problem("key.yaml:3", "spec.x: unknown field"),), (Problem("d.yaml:1", "left out"),)))

    assert text.splitlines()[:2] == ["warning: d.yaml:1: left out", "error: key.yaml:3: spec.x: unknown field"]
    assert "nothing was written" in text


def test_each_resource_has_a_line() -> None:
    """A served key tells where its secret is; what is not served tells why, and where it stands."""
    good = Verdict(KEY, (finding("Accepted", holds=True), finding("Active", holds=True)), served=True)
    bad = Verdict(
        MODEL,
        (finding("Accepted", holds=True), finding("ResolvedRefs", holds=False, reason="SecretNotFound")),
        served=False,
    )
    outcome = Outcome(
        "abc", (), (), (bad, good), {("ModelDeployment", "default", "echo"): "m.yaml:4"}, {KEY: Path("data/key")}
    )

    assert report(outcome).splitlines() == [
        "ModelDeployment  default/echo  not served, SecretNotFound: Because.  (m.yaml:4)",
        "VirtualKey       default/app   served  key in data/key",
        "revision abc: 1 of 2 resources served",
    ]


def test_what_is_not_accepted_has_one_reason() -> None:
    """The findings that only follow from a refusal are not repeated."""
    findings = (
        finding("Accepted", holds=False, reason="Conflicted"),
        finding("Priced", holds=False, reason="NotAccepted"),
    )
    text = report(Outcome("abc", (), (), (Verdict(MODEL, findings, served=False),)))

    assert "Conflicted" in text
    assert "NotAccepted" not in text


def test_nothing_declared_is_said() -> None:
    """An empty folder is no error: it is a revision that serves nothing."""
    assert report(Outcome("abc", (), ())) == "revision abc: 0 of 0 resources served"
