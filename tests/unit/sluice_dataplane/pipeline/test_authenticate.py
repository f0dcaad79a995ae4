"""Who asks: only a key that is in force proves anybody."""

import hashlib
import hmac

import pytest

from sluice_contract.snapshot import Credentials, Digest
from sluice_dataplane.errors import AmbiguousCredentialsError, ForbiddenError, InvalidKeyError
from sluice_dataplane.pipeline.authenticate import authenticate
from support.builders import NOW_MS, SECRET, digest_of, exchange, key, table


@pytest.mark.parametrize(
    "header",
    [
        ("authorization", f"Bearer {SECRET}"),
        ("authorization", f"bearer  {SECRET}"),
        ("x-api-key", SECRET),
        ("api-key", SECRET),
        ("x-goog-api-key", SECRET),
    ],
)
def test_a_key_is_accepted_in_every_usual_header(header: tuple[str, str]) -> None:
    """OpenAI's, Anthropic's, Azure's and Google's clients all reach their key."""
    assert authenticate(exchange(headers=(header,)), now_ms=NOW_MS).key.id == "vktest"


def test_the_same_key_twice_is_one_key() -> None:
    """Clients that send both Authorization and x-api-key with one value are served."""
    headers = (("authorization", f"Bearer {SECRET}"), ("x-api-key", SECRET))

    assert authenticate(exchange(headers=headers), now_ms=NOW_MS).key.id == "vktest"


@pytest.mark.parametrize("second", [("x-api-key", "sk-other"), ("authorization", "Bearer sk-other")])
def test_two_different_keys_are_ambiguous(second: tuple[str, str]) -> None:
    """Nobody guesses which of two keys was meant, duplicate headers included."""
    headers = (("authorization", f"Bearer {SECRET}"), second)

    with pytest.raises(AmbiguousCredentialsError):
        authenticate(exchange(headers=headers), now_ms=NOW_MS)


def test_no_key_is_told_how_to_send_one() -> None:
    """A request without a key gets 401 with the challenge header."""
    with pytest.raises(InvalidKeyError, match="Authorization: Bearer") as caught:
        authenticate(exchange(headers=()), now_ms=NOW_MS)

    assert caught.value.headers == (("www-authenticate", 'Bearer realm="sluice"'),)


_DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()
_WRONG = [SECRET[:-1], SECRET + " x", SECRET.upper(), SECRET + "\0", "", _DIGEST, f"sha256:{_DIGEST}", "x" * 10_000]


@pytest.mark.parametrize("secret", [*_WRONG, *(SECRET[:n] + "!" + SECRET[n + 1 :] for n in range(len(SECRET)))])
def test_nothing_near_a_key_is_the_key(secret: str) -> None:
    """Every one-character change, cut, case change and the digest itself are refused alike."""
    with pytest.raises(InvalidKeyError):
        authenticate(exchange(headers=(("x-api-key", secret),)), now_ms=NOW_MS)


@pytest.mark.parametrize(
    "held",
    [
        key(suspended=True),
        key(expires_at_ms=NOW_MS),
        key(digests=(digest_of(SECRET, not_after_ms=NOW_MS),)),
    ],
    ids=["suspended", "expired", "credential retired"],
)
def test_a_key_that_is_not_in_force_proves_nothing(held: object) -> None:
    """Suspended, expired and retired keys are refused from that very millisecond on, and look like unknown ones."""
    with pytest.raises(InvalidKeyError, match="This API key is not valid here"):
        authenticate(exchange(of=table(keys=(held,))), now_ms=NOW_MS)


def test_a_key_counts_until_the_moment_it_expires() -> None:
    """Expiry is a point in time, not a day: one millisecond before it the key works."""
    of = table(keys=(key(expires_at_ms=NOW_MS + 1),))

    assert authenticate(exchange(of=of), now_ms=NOW_MS).key.id == "vktest"


def test_a_secret_of_unknown_strength_is_proved_through_the_pepper() -> None:
    """Existing keys are found by HMAC with the install's pepper, and only by it."""
    pepper = b"p" * 32
    digest = Digest(id="c1", algorithm="hmac-sha256", hex=hmac.digest(pepper, b"weak", "sha256").hex())
    of = table(keys=(key(digests=(digest,)),), credentials=Credentials(pepper_hex=pepper.hex()))
    other = table(keys=(key(digests=(digest,)),), credentials=Credentials(pepper_hex=(b"q" * 32).hex()))

    assert authenticate(exchange(of=of, headers=(("x-api-key", "weak"),)), now_ms=NOW_MS).credential_id == "c1"
    with pytest.raises(InvalidKeyError):
        authenticate(exchange(of=other, headers=(("x-api-key", "weak"),)), now_ms=NOW_MS)


@pytest.mark.parametrize(
    ("address", "inside"), [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("192.168.0.1", False), ("", False)]
)
def test_a_key_may_be_tied_to_networks(address: str, inside: bool) -> None:
    """The field allowedCIDRs holds for IPv4 and mapped IPv6 addresses; an unknown address is outside."""
    of = table(keys=(key(allowed_cidrs=("10.0.0.0/8",)),))
    call = exchange(of=of, client_address=address)

    if inside:
        assert authenticate(call, now_ms=NOW_MS).key.id == "vktest"
    else:
        with pytest.raises(ForbiddenError):
            authenticate(call, now_ms=NOW_MS)
