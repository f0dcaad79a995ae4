"""Key ids, tokens and digests."""

import hashlib
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.compiler.keys import (
    format_token,
    key_id_for,
    peppered_digest,
    plain_digest,
    sendable,
    token_checksum_ok,
    without_line_end,
)

UID = "5e0c5a54-1f5c-4c53-9a2b-0f0c9c1b7f10"
TOKEN = format_token(key_id_for(UID), bytes(range(32)))


def test_key_id_is_the_same_for_life() -> None:
    """A key id is known from the uid alone and never changes: spend and limits hang on it."""
    assert key_id_for(UID) == "vk3dsnh5tym2"


@given(st.text())
def test_key_id_is_short_and_plain(uid: str) -> None:
    """A key id is ``vk`` and ten lower-case base32 characters, whatever the uid."""
    assert re.fullmatch(r"vk[a-z2-7]{10}", key_id_for(uid))


def test_token_has_the_documented_form() -> None:
    """A token is sk-, the key id, 43 characters of base64url, and six of checksum; nobody may change that quietly."""
    assert TOKEN == "sk-vk3dsnh5tym2-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8-0fjqaT"


@given(st.binary(min_size=32, max_size=32))
def test_every_token_passes_its_own_check(random_bytes: bytes) -> None:
    """Whatever the random bytes, the token made of them is recognised as one of ours."""
    assert token_checksum_ok(format_token(key_id_for(UID), random_bytes))


@given(position=st.integers(0, len(TOKEN) - 1), character=st.sampled_from("ABCxyz019_-"))
def test_a_mistyped_token_is_noticed(position: int, character: str) -> None:
    """One wrong character anywhere spoils the checksum or the form."""
    mistyped = TOKEN[:position] + character + TOKEN[position + 1 :]

    assert token_checksum_ok(mistyped) is (mistyped == TOKEN)


@pytest.mark.parametrize("text", ["", "sk-1234", TOKEN[:-1], TOKEN + "0", TOKEN + "\n", "sk-proj-" + "a" * 60])
def test_what_is_not_of_our_form_is_not_ours(text: str) -> None:
    """Keys of other makers, cut-off pastes and line ends are not taken for our tokens."""
    assert not token_checksum_ok(text)


@pytest.mark.parametrize("count", [0, 31, 33])
def test_a_token_of_fewer_random_bytes_is_not_made(count: int) -> None:
    """Only 256 random bits make a token: a plain SHA-256 of less would give it away."""
    with pytest.raises(ValueError, match="32 random bytes"):
        format_token(key_id_for(UID), bytes(count))


def test_digests_are_what_the_data_plane_computes() -> None:
    """Plain is SHA-256 of the secret's bytes; peppered is HMAC-SHA-256 of them under the pepper."""
    digests = plain_digest(b"sk-1234"), peppered_digest(b"sk-1234", pepper=b"pepper")

    assert digests == (
        hashlib.sha256(b"sk-1234").hexdigest(),
        hmac.new(b"pepper", b"sk-1234", hashlib.sha256).hexdigest(),
    )


@pytest.mark.parametrize(
    ("stored", "meant"), [(b"a\n", b"a"), (b"a\r\n", b"a"), (b"a", b"a"), (b" a ", b" a "), (b"a\n\n", b"a\n")]
)
def test_only_one_line_end_is_trimmed(stored: bytes, meant: bytes) -> None:
    """The line end an editor leaves is not part of a secret; everything else is."""
    assert without_line_end(stored) == meant


@pytest.mark.parametrize("secret", [b"", b"two words", b"tab\t", b"line\nline", "schlüssel".encode(), b"x" * 4097])
def test_what_no_header_carries_is_not_sendable(secret: bytes) -> None:
    """A secret that a client could not send, or that would smuggle a header, is refused early."""
    assert not sendable(secret)
