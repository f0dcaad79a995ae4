"""What proves a VirtualKey: a token that we made, one that someone else made, or a digest alone."""

from dataclasses import dataclass, field
from typing import Final

from sluice_contract.snapshot import Digest
from sluice_operator.compiler.findings import Problem
from sluice_operator.compiler.keys import (
    FIRST_CREDENTIAL,
    peppered_digest,
    plain_digest,
    sendable,
    token_checksum_ok,
    without_line_end,
)
from sluice_operator.compiler.references import Entry
from sluice_operator.inventory import Inventory, ObjectName
from sluice_operator.resources import VirtualKey
from sluice_operator.resources.key import Generated

_DEFAULT: Final = Generated()


@dataclass(frozen=True, slots=True)
class Proof:
    """The digest that goes into the snapshot, and the plain one by which equal tokens of two keys are found out."""

    digest: Digest = field(repr=False)
    plain: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pending:
    """The Secret of a generated key is yet to be written."""

    problem: Problem
    entry: Entry


def secret_entry(key: VirtualKey) -> Entry | None:
    """The Secret entry that holds the key's token; None for a key of which there is only a hash."""
    spec, home = key.spec, key.metadata.namespace
    if spec.existing is not None:
        ref = spec.existing.secret_ref
        return Entry("Secret", ObjectName(home, ref.name), ref.key)
    if spec.type != "Generated":
        return None
    generated = spec.generated or _DEFAULT
    return Entry("Secret", ObjectName(home, generated.secret_name or f"{key.metadata.name}-key"), generated.key)


def credential(key: VirtualKey, inventory: Inventory) -> Proof | Pending | Problem:
    """What proves *key*, or why nothing does yet."""
    if key.spec.hash is not None:
        plain = key.spec.hash.key_hash.removeprefix("sha256:")
        return Proof(Digest(id=FIRST_CREDENTIAL, algorithm="sha256", hex=plain), plain)
    entry = secret_entry(key)
    if entry is None:
        return Problem("Invalid", "The key has nothing that could prove it.")
    value = entry.read(inventory.secrets)
    if key.spec.type == "Generated" and (isinstance(value, Problem) or not value):
        return Pending(Problem("SecretPending", f"{entry}, is not written yet."), entry)
    return value if isinstance(value, Problem) else _proof(value, key, entry, inventory.pepper)


def _proof(value: bytes, key: VirtualKey, entry: Entry, pepper: bytes) -> Proof | Problem:
    # A token of ours carries 256 random bits, so that its plain SHA-256 gives nothing away.  Whatever else is found
    # in a generated key's Secret is of unknown strength, like an Existing one.
    token = without_line_end(value)
    if not sendable(token):
        return Problem("SecretInvalid", f"{entry}: should be 1 to 4096 visible ASCII characters without spaces.")
    plain = plain_digest(token)
    if key.spec.type == "Generated" and token_checksum_ok(token.decode("ascii")):
        return Proof(Digest(id=FIRST_CREDENTIAL, algorithm="sha256", hex=plain), plain)
    if not pepper:
        return Problem("PepperMissing", "The install has no pepper, without which this key cannot be kept safely.")
    peppered = peppered_digest(token, pepper=pepper)
    return Proof(Digest(id=FIRST_CREDENTIAL, algorithm="hmac-sha256", hex=peppered), plain)
