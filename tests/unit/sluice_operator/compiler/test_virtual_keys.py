"""VirtualKeys as keys."""

import pytest

from sluice_operator.compiler.keys import format_token, key_id_for
from unit.sluice_operator.compiler.world import NOW_MS, compiled, finding, verdict

HASH = 'hash: {keyHash: "sha256:' + "a" * 64 + '"}'
SECRET = "kind: Secret\nmetadata: {name: app-key}\ndata: {api-key: %s}\n---\n"
TOKEN = format_token(key_id_for("any"), bytes(range(32)))


def key(name: str, spec: str = "", meta: str = "") -> str:
    """A VirtualKey of which there is a hash; all have the same."""
    return f"kind: VirtualKey\nmetadata: {{name: {name}{meta}}}\nspec: {{type: Hash, {HASH}{spec}}}\n---\n"


@pytest.mark.parametrize(
    ("offset_ms", "reason"), [(-1, "Active"), (0, "Expired"), (1, "Expired")], ids=["before", "at", "after"]
)
def test_a_key_ends_at_its_moment(offset_ms: int, reason: str) -> None:
    """A key is good up to its expiry and not at it, as the data plane has it."""
    text = key("app", ', expiresAt: "2026-11-21T00:00:00Z"')

    assert finding(compiled(text, now_ms=NOW_MS + offset_ms), "VirtualKey", "app", "Active").reason == reason


def test_an_expired_key_stays_in_the_snapshot_unchanged() -> None:
    """Time alone changes no snapshot: the data plane ends a key by itself, and nothing is rolled out for it."""
    text = key("app", ', expiresAt: "2026-11-21T00:00:00Z"')

    assert compiled(text, now_ms=NOW_MS - 1).snapshot == compiled(text, now_ms=NOW_MS + 1).snapshot


def test_the_next_change_is_the_next_moment_to_come() -> None:
    """Past expiries do not wake anybody; of those to come the first does."""
    text = key("a", ', expiresAt: "2026-11-20T00:00:00Z"') + key("b", ', expiresAt: "2026-11-22T00:00:00Z"')

    assert compiled(text).next_change_ms == NOW_MS + 86_400_000


def test_one_token_cannot_stand_for_two_keys() -> None:
    """A token copied into a second key's Secret opens the first key only."""
    text = (
        "kind: VirtualKey\nmetadata: {name: app, creationTimestamp: '2026-01-02T00:00:00Z'}\nspec: {}\n---\n"
        + SECRET % TOKEN
        + "kind: VirtualKey\nmetadata: {name: copy, creationTimestamp: '2026-01-03T00:00:00Z'}\n"
        "spec: {type: Existing, existing: {secretRef: {name: app-key, key: api-key}}}\n"
    )
    compilation = compiled(text)
    found = finding(compilation, "VirtualKey", "copy", "Accepted")

    assert [served.name for served in compilation.snapshot.keys] == ["app"]
    assert (found.reason, "VirtualKey team-a/app" in found.message) == ("Conflicted", True)


def test_a_conflict_is_told_without_the_digest() -> None:
    """Whoever reads a loser's status learns the winner's name and nothing of the key."""
    compilation = compiled(key("a") + key("b"))

    assert "a" * 64 not in repr(compilation.verdicts)


def test_two_keys_of_one_id_are_not_both_served() -> None:
    """Spend hangs on the key id, so that two keys never share one."""
    compilation = compiled(key("a", meta=", uid: same") + key("b", meta=", uid: same").replace("a" * 64, "b" * 64))

    assert [served.name for served in compilation.snapshot.keys] == ["a"]


def test_a_loser_has_no_active_credential() -> None:
    """A status never shows a credential as active that opens nothing."""
    assert verdict(compiled(key("a") + key("b")), "VirtualKey", "b").fields["credentials"] == []


def test_a_suspended_key_still_gets_its_secret() -> None:
    """Suspending is reversible at any moment, so that the Secret is made meanwhile."""
    text = "kind: VirtualKey\nmetadata: {name: app}\nspec: {suspended: true}\n"

    assert len(compiled(text).wanted_secrets) == 1


def test_nobody_writes_a_secret_for_a_refused_key() -> None:
    """A key that is not accepted gets no Secret: it would open nothing."""
    generated = "kind: VirtualKey\nmetadata: {name: %s, uid: same}\nspec: {}\n---\n"
    wanted = compiled(generated % "a" + generated % "b").wanted_secrets

    assert [each.owner.name for each in wanted] == ["a"]
