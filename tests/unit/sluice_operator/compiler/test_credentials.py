"""What proves a key."""

from sluice_operator.compiler.keys import format_token, key_id_for
from unit.sluice_operator.compiler.world import compiled, finding

GENERATED = "kind: VirtualKey\nmetadata: {name: app}\nspec: {}\n---\n"
EXISTING = (
    "kind: VirtualKey\nmetadata: {name: app}\n"
    "spec: {type: Existing, existing: {secretRef: {name: app-key, key: api-key}}}\n---\n"
)
SECRET = "kind: Secret\nmetadata: {name: app-key}\ndata: {api-key: %s}\n"
TOKEN = format_token(key_id_for("any"), bytes(range(32)))


def algorithms(text: str, *, pepper: bytes = b"pepper") -> list[str]:
    """How each digest of each served key is made."""
    keys = compiled(text, pepper=pepper).snapshot.keys
    return [digest.algorithm for key in keys for digest in key.digests]


def test_a_generated_token_is_published_as_its_sha256() -> None:
    """256 random bits need no pepper; the token of a restored Secret counts too, whatever key id is in it."""
    assert algorithms(GENERATED + SECRET % TOKEN) == ["sha256"]


def test_an_existing_key_is_always_peppered() -> None:
    """How strong someone else's key is we do not know, even where it looks like one of ours."""
    assert algorithms(EXISTING + SECRET % TOKEN) == ["hmac-sha256"]


def test_a_weak_word_in_a_generated_secret_is_peppered() -> None:
    """A password that someone wrote over our token is not published as a hash that can be guessed."""
    assert algorithms(GENERATED + SECRET % "hunter2") == ["hmac-sha256"]


def test_without_a_pepper_no_weak_key_is_published() -> None:
    """An empty pepper would be none: the key waits, and says for what."""
    compilation = compiled(EXISTING + SECRET % "hunter2", pepper=b"")

    assert compilation.snapshot.keys == ()
    assert finding(compilation, "VirtualKey", "app", "ResolvedRefs").reason == "PepperMissing"


def test_an_empty_entry_is_written_anew() -> None:
    """A Secret whose entry is empty is as good as none."""
    (wanted,) = compiled(GENERATED + SECRET % '""').wanted_secrets

    assert (str(wanted.secret), wanted.entry) == ("team-a/app-key", "api-key")


def test_a_key_prints_nowhere() -> None:
    """Neither a token nor its digests show when a compilation's verdicts are printed."""
    compilation = compiled(EXISTING + SECRET % "hunter2")
    (key,) = compilation.snapshot.keys

    assert "hunter2" not in repr(compilation)
    assert key.digests[0].hex not in repr(compilation.verdicts)
