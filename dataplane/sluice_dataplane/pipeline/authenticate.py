"""Who asks?  Finds the key that a request's credential proves.  No I/O; the moment is an argument."""

import hashlib
import hmac
import ipaddress
from typing import Final

from sluice_dataplane.config.table import Proof, Table
from sluice_dataplane.errors import AmbiguousCredentialsError, ForbiddenError, InvalidKeyError
from sluice_dataplane.exchange import Exchange, Headers, Principal

_CHALLENGE: Final = (("www-authenticate", 'Bearer realm="sluice"'),)
_KEY_HEADERS: Final = frozenset(("x-api-key", "api-key", "x-goog-api-key"))
MAX_KEY_CHARACTERS: Final = 4096


def authenticate(exchange: Exchange, *, now_ms: int) -> Principal:
    """The principal of *exchange* at *now_ms* (wall clock).

    Raises:
        AmbiguousCredentialsError: two different credentials came along.
        InvalidKeyError: none came, or what came proves no key that is in force now.
        ForbiddenError: the key may not be used from this address.
    """
    secret = credential(exchange.headers)
    if secret is None:
        raise InvalidKeyError(
            "No API key came with this request: send 'Authorization: Bearer <key>'.", headers=_CHALLENGE
        )
    proof = find_proof(exchange.table, secret)
    if proof is None or not _in_force(proof, now_ms):
        raise InvalidKeyError("This API key is not valid here.", headers=_CHALLENGE)
    if proof.networks and not _inside(exchange.client_address, proof):
        raise ForbiddenError("This API key may not be used from this network.")
    return Principal(proof.key, proof.credential_id)


def credential(headers: Headers) -> str | None:
    """The one secret in *headers*, None if there is none.

    Raises:
        AmbiguousCredentialsError: two different ones are there.
    """
    found: str | None = None
    for name, value in headers:
        if name == "authorization":
            scheme, _, secret = value.partition(" ")
            secret = secret.strip() if scheme.lower() == "bearer" else value
        elif name in _KEY_HEADERS:
            secret = value.strip()
        else:
            continue
        if not secret:
            continue
        if found is not None and found != secret:
            message = "Two different API keys came with this request: send one."
            raise AmbiguousCredentialsError(message)
        found = secret
    return found


def find_proof(table: Table, secret: str) -> Proof | None:
    """The proof that *secret* gives, None if it proves nothing; equal work for near and far misses."""
    if len(secret) > MAX_KEY_CHARACTERS:
        return None
    data = secret.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(data).digest()
    proof = table.proofs.get(digest)
    if proof is None and table.peppered_proofs:
        proof = table.peppered_proofs.get(hmac.digest(table.pepper, data, "sha256"))
    return proof


def _in_force(proof: Proof, now_ms: int) -> bool:
    key = proof.key
    return not (
        key.suspended
        or (key.expires_at_ms is not None and now_ms >= key.expires_at_ms)
        or (proof.not_after_ms is not None and now_ms >= proof.not_after_ms)
    )


def _inside(client_address: str, proof: Proof) -> bool:
    try:
        address = ipaddress.ip_address(client_address)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # a dual-stack socket shows IPv4 clients as ::ffff:a.b.c.d
    return any(
        (mapped or address) in network for network in proof.networks if network.version == (mapped or address).version
    )
