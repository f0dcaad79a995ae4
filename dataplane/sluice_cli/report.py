"""What became of a compilation, for people: one line per resource, and each problem with the place where it stands."""

from collections.abc import Iterator

from sluice_cli.compiling import Outcome, served_well
from sluice_operator.verdicts import Verdict


def report(outcome: Outcome) -> str:
    """Lines for a terminal; no secret is in them, only where one is kept."""
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    for warning in outcome.warnings:
        yield f"warning: {warning}"
    for problem in outcome.problems:
        yield f"error: {problem}"
    if outcome.revision is None:
        yield "nothing was written: mend the errors above, or leave what is broken out with --lenient"
        return
    rows = [(verdict.ref.kind, f"{verdict.ref.namespace}/{verdict.ref.name}", verdict) for verdict in outcome.verdicts]
    kinds = max((len(kind) for kind, _, _ in rows), default=0)
    names = max((len(name) for _, name, _ in rows), default=0)
    for kind, name, verdict in rows:
        yield f"{kind:<{kinds}}  {name:<{names}}  {_state(verdict)}{_where(outcome, verdict)}"
    served = sum(verdict.served for verdict in outcome.verdicts)
    yield f"revision {outcome.revision}: {served} of {len(rows)} resources served"


def _state(verdict: Verdict) -> str:
    word = "served" if verdict.served else "not served"
    against = [finding for finding in verdict.findings if not finding.holds]
    if not against:
        return word
    # A resource that is not accepted has nothing else said of it.
    said = against[:1] if against[0].type == "Accepted" else against
    return f"{word}, " + "; ".join(f"{finding.reason}: {finding.message}" for finding in said)


def _where(outcome: Outcome, verdict: Verdict) -> str:
    """The key's file for a key that is well, the manifest's place for what is not."""
    ref = verdict.ref
    if not served_well(verdict):
        return f"  ({outcome.origins.get((ref.kind, ref.namespace, ref.name), '?')})"
    key_file = outcome.key_files.get(ref)
    return "" if key_file is None else f"  key in {key_file}"
