"""Answers of token services → grants, and what may be said of those that are none.  Pure.

A service that is told a secret could repeat it anywhere in its answer.  So nothing of an answer is ever quoted but
its status, the words of the lists below, and Microsoft's error numbers.
"""

import math
import re
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from sluice_dataplane.upstream.identity.grants import Bearer, Grant, IdentityFailedError, SigningKeys

MAX_ANSWER_BYTES: Final = 64 * 1024
MAX_LIFE_S: Final = 86_400.0  # whatever lasts longer is fetched anew once a day
UNTOLD_LIFE_S: Final = 300.0  # of a token that comes without ``expires_in``, which RFC 6749 §5.1 only recommends
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
_FIELD: Final = re.compile(rb"<(AccessKeyId|SecretAccessKey|SessionToken|Expiration)>\s*([^<&\s]{1,16384})\s*</\1>")
_CODE: Final = re.compile(rb"<Code>([A-Za-z]{1,64})</Code>")
_WORDS: Final = frozenset(
    (
        # RFC 6749 §5.2, RFC 8693 §2.2.2
        *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"),
        *("invalid_scope", "invalid_target", "access_denied", "server_error", "temporarily_unavailable"),
        # Google's APIs
        *("INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNAVAILABLE"),
        # AWS STS
        *("AccessDenied", "ExpiredToken", "ExpiredTokenException", "IDPCommunicationError", "IDPRejectedClaim"),
        *("IncompleteSignature", "InvalidClientTokenId", "InvalidIdentityToken", "RegionDisabledException"),
        *("SignatureDoesNotMatch", "ValidationError"),
    )
)

_T = TypeVar("_T")


class Reply(msgspec.Struct, frozen=True):
    """What a token service answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class _TokenAnswer(msgspec.Struct):
    access_token: str
    expires_in: float | str | None = None  # Microsoft's services have it as a string here and there
    token_type: str = "Bearer"  # noqa: S105  # no password


class _TokenError(msgspec.Struct):
    error: object = None
    error_codes: object = None


class _Impersonated(msgspec.Struct, rename="camel"):
    access_token: str
    expire_time: str


class _ContainerKeys(msgspec.Struct, rename="pascal"):
    access_key_id: str
    secret_access_key: str
    token: str
    expiration: str


def bearer_of(reply: Reply) -> Grant:
    """The token of an OAuth 2.0 answer (RFC 6749 §5.1).

    Raises:
        IdentityFailedError: there is none.
    """
    answer = _decoded(reply, _TokenAnswer)
    if answer.token_type.lower() != "bearer":
        raise IdentityFailedError("its token service gave a token that is no bearer token")
    return Grant(_bearer(answer.access_token), _life_s(answer.expires_in))


def impersonated_of(reply: Reply, now_s: float) -> Grant:
    """The token of Google's ``generateAccessToken``; *now_s* is seconds since 1970.

    Raises:
        IdentityFailedError: there is none.
    """
    answer = _decoded(reply, _Impersonated)
    return Grant(_bearer(answer.access_token), _until_s(answer.expire_time, now_s))


def container_keys_of(reply: Reply, now_s: float) -> Grant:
    """The keys that the agent of EKS Pod Identity gives.

    Raises:
        IdentityFailedError: there are none.
    """
    answer = _decoded(reply, _ContainerKeys)
    keys = signing_keys(answer.access_key_id, answer.secret_access_key, answer.token)
    return Grant(keys, _until_s(answer.expiration, now_s))


def assumed_keys_of(reply: Reply, now_s: float) -> Grant:
    """The keys in an answer of AWS STS, which is XML of few known elements.

    Raises:
        IdentityFailedError: there are none.
    """
    if reply.status != 200:
        raise IdentityFailedError(said(reply))
    found = {name: value.decode("latin-1") for name, value in _FIELD.findall(reply.body)}
    try:
        keys = signing_keys(found[b"AccessKeyId"], found[b"SecretAccessKey"], found[b"SessionToken"])
        return Grant(keys, _until_s(found[b"Expiration"], now_s))
    except KeyError:
        raise IdentityFailedError("its token service gave an answer that cannot be read") from None


def signing_keys(access_key_id: str, secret_access_key: str, session_token: str) -> SigningKeys:
    """The keys, if they can be sent.

    Raises:
        IdentityFailedError: one holds what no key holds.
    """
    parts = (access_key_id, secret_access_key, *([session_token] if session_token else ()))
    if not all(_TOKEN.fullmatch(part) for part in parts) or "/" in access_key_id or "," in access_key_id:
        raise IdentityFailedError("its keys hold characters that no key holds")
    return SigningKeys(access_key_id, secret_access_key, session_token)


def said(reply: Reply) -> str:
    """What may be told of a *reply* that refuses."""
    words: list[str] = []
    if code := _CODE.search(reply.body):
        words.append(code[1].decode())
    try:
        told = msgspec.json.decode(reply.body, type=_TokenError)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        told = _TokenError()
    error = told.error.get("status") if isinstance(told.error, dict) else told.error
    if isinstance(error, str):
        words.append(error)
    known = [word for word in words if word in _WORDS]
    if isinstance(told.error_codes, list):
        known += [f"AADSTS{number}" for number in told.error_codes[:3] if type(number) is int and 0 < number < 10**8]
    return f"its token service answered {reply.status}" + (f" ({', '.join(known)})" if known else "")


def _decoded(reply: Reply, of: type[_T]) -> _T:
    if reply.status != 200:
        raise IdentityFailedError(said(reply))
    try:
        return msgspec.json.decode(reply.body, type=of)
    except (msgspec.MsgspecError, ValueError, RecursionError):  # its text may quote the answer
        raise IdentityFailedError("its token service gave an answer that cannot be read") from None


def _bearer(token: str) -> Bearer:
    if not _TOKEN.fullmatch(token):
        raise IdentityFailedError("its token service gave a token that cannot be sent")
    return Bearer(token)


def _life_s(told: float | str | None) -> float:
    if told is None:
        return UNTOLD_LIFE_S
    try:
        life_s = float(told)
    except ValueError:
        life_s = math.nan
    return _checked_s(life_s)


def _until_s(text: str, now_s: float) -> float:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return _checked_s(moment.timestamp() - now_s)
    except (ValueError, OverflowError):
        return _checked_s(math.nan)


def _checked_s(life_s: float) -> float:
    if not life_s > 0:  # NaN included
        raise IdentityFailedError("its token service gave what has ended already, or a time that cannot be read")
    return min(life_s, MAX_LIFE_S)
