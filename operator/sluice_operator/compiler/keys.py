"""Key ids, tokens and digests.  Pure: random bytes are handed in, and nothing here stores or prints a token.

A token is ``sk-<key id>-<43 characters>-<6 characters>``: the base64url of 256 random bits, then a checksum by
which a typing error or a cut-off paste is told from a revoked key.  The checksum proves nothing about the
holder: it is the CRC-32 of what stands before it, in base 62 (0-9, A-Z, a-z), padded with ``0``.
"""

import base64
import hashlib
import hmac
import re
import zlib
from typing import Final

KEY_ID_CHARS: Final = 10  # 50 bits: two of 10,000 keys meet in one of 20 million installs, and then one is refused
TOKEN_RANDOM_BYTES: Final = 32
FIRST_CREDENTIAL: Final = "c1"  # a key has one credential until rotation gives it a second

_CHECKSUM_CHARS: Final = 6
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKEN: Final = re.compile(r"(sk-vk[a-z2-7]{10}-[A-Za-z0-9_-]{43})-([0-9A-Za-z]{6})")
_SENDABLE: Final = re.compile(rb"[\x21-\x7e]{1,4096}")  # what survives a header: no space, no control, no 8-bit


def key_id_for(uid: str) -> str:
    """The id of the VirtualKey with *uid*: stable for its life, and known without storing anything."""
    digest = hashlib.sha256(uid.encode()).digest()
    return "vk" + base64.b32encode(digest[:10]).decode().lower()[:KEY_ID_CHARS]


def format_token(key_id: str, random_bytes: bytes) -> str:
    """The token of *key_id* made of *random_bytes*.

    Raises:
        ValueError: there are not exactly 32 random bytes; the message does not quote them.
    """
    if len(random_bytes) != TOKEN_RANDOM_BYTES:
        message = f"a token needs {TOKEN_RANDOM_BYTES} random bytes, not {len(random_bytes)}"
        raise ValueError(message)
    secret = base64.urlsafe_b64encode(random_bytes).decode().rstrip("=")
    body = f"sk-{key_id}-{secret}"
    return f"{body}-{_checksum(body)}"


def token_checksum_ok(token: str) -> bool:
    """Whether *token* has the form of one of ours and its checksum fits; not whether it opens anything."""
    found = _TOKEN.fullmatch(token)
    return found is not None and found[2] == _checksum(found[1])


def sendable(secret: bytes) -> bool:
    """Whether *secret* can travel in a request header: 1 to 4096 visible ASCII characters."""
    return _SENDABLE.fullmatch(secret) is not None


def without_line_end(secret: bytes) -> bytes:
    """*secret* less the one line end that editors and ``echo`` leave behind it; nothing else is trimmed."""
    return secret.removesuffix(b"\n").removesuffix(b"\r")


def plain_digest(secret: bytes) -> str:
    """The hex SHA-256 of *secret*: enough for 256 random bits, and for nothing weaker."""
    return hashlib.sha256(secret).hexdigest()


def peppered_digest(secret: bytes, *, pepper: bytes) -> str:
    """The hex HMAC-SHA-256 of *secret*: useless for guessing *secret* to whoever has not the pepper too."""
    return hmac.new(pepper, secret, hashlib.sha256).hexdigest()


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = ""
    for _ in range(_CHECKSUM_CHARS):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits
