"""Signs a JSON Web Token with an RSA key (RFC 7519, RS256 of RFC 7518).  Pure, and slow: milliseconds of CPU.

Imported only where a service account's key is used: the library behind it is worth 14 MB.
"""

import base64
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sluice_dataplane.upstream.identity.grants import IdentityFailedError

MIN_BITS: Final = 2048


def signed(claims: dict[str, str | int], private_key_pem: str, key_id: str) -> str:
    """The token that holds *claims*.

    Raises:
        IdentityFailedError: *private_key_pem* is no RSA key of 2048 bits or more.  Nothing of it is told.
    """
    try:
        key = load_pem_private_key(private_key_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise IdentityFailedError("its private key cannot be read") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_BITS:
        raise IdentityFailedError(f"its private key is no RSA key of {MIN_BITS} bits or more")
    header = {"alg": "RS256", "typ": "JWT"} | ({"kid": key_id} if key_id else {})
    content = b".".join(_encoded(msgspec.json.encode(part)) for part in (header, claims))
    return b".".join((content, _encoded(key.sign(content, PKCS1v15(), SHA256())))).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
