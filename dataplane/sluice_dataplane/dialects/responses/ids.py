"""Ids of responses that a provider keeps, as the gateway's clients see them.  Pure.

A response lives in the provider account that made it, and belongs to the key that paid for it.  Both are written into
the id that the client gets, so that a later call with it (read, cancel, delete, ``previous_response_id``) finds the
account without anything being stored, and no other key can use it:

``resp_`` + base64url of (8 bytes that name the model and target, 8 bytes of an HMAC-SHA-256 over the owner's key id,
those bytes and the provider's id) + ``_`` + the provider's id

How it is used: :func:`previous_of` and :func:`unwrap` before a target is chosen (None: no such response, for this
key), :func:`place_of` of each target compared with what came of it, :func:`with_previous` for the body that is sent;
:class:`Mask` for what comes back.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

import msgspec

from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, encoder, said, starts

PREFIX: Final = "resp_"
_PLACE_BYTES: Final = 8
_SEAL_BYTES: Final = 8
_SEALED_CHARS: Final = 22  # of base64 without padding, for 16 bytes
_MIN_ID_CHARS: Final = 12  # a shorter one could be a word that stands elsewhere in the answer


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A response that a provider keeps: its *id* there, and the *place* that :func:`place_of` names."""

    id: str
    place: bytes


def place_of(model_uid: str, target: str) -> bytes:
    """Eight bytes that name a target of a model; the same for as long as the model and its target's name last."""
    return hashlib.sha256(f"{model_uid}\0{target}".encode()).digest()[:_PLACE_BYTES]


def wrap(response_id: str, place: bytes, *, key_id: str, secret: bytes) -> str:
    """The id that the owner of *key_id* gets for the provider's *response_id*; *secret* is the same in all replicas."""
    sealed = base64.urlsafe_b64encode(place + _seal(response_id, place, key_id, secret))
    return f"{PREFIX}{sealed[:_SEALED_CHARS].decode()}_{response_id}"


def unwrap(wrapped: str, *, key_id: str, secret: bytes) -> Kept | None:
    """What *wrapped* stands for; None where it was not given to this key, or is no id of ours at all."""
    end = len(PREFIX) + _SEALED_CHARS
    head, response_id = wrapped[len(PREFIX) : end], wrapped[end + 1 :]
    if not (wrapped.startswith(PREFIX) and wrapped[end : end + 1] == "_" and response_id):
        return None
    try:
        sealed = base64.urlsafe_b64decode(head.encode() + b"==")
    except (binascii.Error, UnicodeEncodeError):
        return None
    place, seal = sealed[:_PLACE_BYTES], sealed[_PLACE_BYTES:]
    try:
        expected = _seal(response_id, place, key_id, secret)
    except UnicodeEncodeError:
        return None
    return Kept(response_id, place) if hmac.compare_digest(seal, expected) else None


def _seal(response_id: str, place: bytes, key_id: str, secret: bytes) -> bytes:
    owner = key_id.encode()
    message = b"response\0" + len(owner).to_bytes(4, "big") + owner + place + response_id.encode()
    return hmac.digest(secret, message, "sha256")[:_SEAL_BYTES]


class _Previous(msgspec.Struct, gc=False):
    previous_response_id: msgspec.Raw = ABSENT


class _Conversation(msgspec.Struct, gc=False):
    conversation: msgspec.Raw = ABSENT


class _Id(msgspec.Struct, gc=False):
    id: msgspec.Raw = ABSENT


class _Event(msgspec.Struct, gc=False):
    response: _Id | None = None


_previous: Final = msgspec.json.Decoder(_Previous)
_conversation: Final = msgspec.json.Decoder(_Conversation)
_id: Final = msgspec.json.Decoder(_Id)
_event: Final = msgspec.json.Decoder(_Event)
_text: Final = msgspec.json.Decoder(str)


def previous_of(body: bytes) -> str | None:
    """The ``previous_response_id`` of a request, as the client sent it; None where there is none, or no text."""
    token = _previous_token(body)
    return None if token is None else token[1]


def names_conversation(body: bytes) -> bool:
    """Whether a request goes on from a conversation that the provider keeps: its id says nothing of whose it is."""
    if b"conversation" not in body and b"\\u" not in body:
        return False
    try:
        return said(_conversation.decode(body).conversation)
    except UNREADABLE:
        return False


def with_previous(body: bytes, response_id: str) -> bytes:
    """*body*, whose ``previous_response_id`` the gateway gave, with the provider's own *response_id* in its place."""
    token = _previous_token(body)
    return body if token is None else body.replace(token[0], encoder.encode(response_id))


def _previous_token(body: bytes) -> tuple[bytes, str] | None:
    if b"previous_response_id" not in body and b"\\u" not in body:
        return None
    try:
        return _token(_previous.decode(body).previous_response_id)
    except UNREADABLE:
        return None


def _token(value: msgspec.Raw) -> tuple[bytes, str] | None:
    """The bytes of a JSON text and what it says; None where it is no text, or an empty one."""
    if not starts(value, b'"'):
        return None
    text = _text.decode(value)
    return (bytes(value), text) if text else None


class Mask:
    """Puts the gateway's ids for the provider's into one answer, plain or streamed.

    *wrap_id* makes the one of the other; *previous* is the provider's id of the response before and what the client
    calls it, where the request named one: answers repeat it.
    """

    __slots__ = ("_learned", "_pairs", "_wrap_id")

    def __init__(self, wrap_id: Callable[[str], str], previous: tuple[str, str] | None = None) -> None:
        self._wrap_id = wrap_id
        self._learned = False
        self._pairs: list[tuple[bytes, bytes]] = []
        if previous is not None:
            self._pairs.append((encoder.encode(previous[0]), encoder.encode(previous[1])))

    def body(self, body: bytes) -> bytes:
        """A plain answer; what is no response stays as it is."""
        try:
            self._learn(_id.decode(body).id)
        except UNREADABLE:
            return body
        return self._replaced(body)

    def event(self, frame: Frame) -> bytes:
        """The bytes of one event of a stream."""
        if not self._learned and frame.data is not None and b'"response"' in frame.data:
            try:
                response = _event.decode(frame.data).response
                if response is not None:
                    self._learn(response.id)
            except UNREADABLE:
                return frame.raw
        return self._replaced(frame.raw)

    def _learn(self, value: msgspec.Raw) -> None:
        token = _token(value)
        # All events of a stream must agree, so that an id which might be a common word is left as it is in all.
        if token is not None and len(token[1]) >= _MIN_ID_CHARS and any(char.isdigit() for char in token[1]):
            self._pairs.append((token[0], encoder.encode(self._wrap_id(token[1]))))
        self._learned = True

    def _replaced(self, data: bytes) -> bytes:
        for old, new in self._pairs:
            data = data.replace(old, new)
        return data
