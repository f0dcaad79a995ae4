"""The few fields of Kubernetes objects that a data plane reads, and what an API server's answers may be.  Pure."""

import base64
from typing import Literal, TypeVar

import msgspec

from sluice_contract import names

Kind = Literal["configmaps", "secrets"]


class ApiServerError(Exception):
    """The API server refused, or its answer was none.  The message names no token and no content."""


class ExpiredError(ApiServerError):
    """The version to watch from is too old (410): list again."""


class Meta(msgspec.Struct):
    """What is read of ``metadata``."""

    resource_version: str = msgspec.field(name="resourceVersion", default="")


class KubeObject(msgspec.Struct):
    """A ConfigMap or a Secret."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    data: dict[str, str] | None = None
    binary_data: dict[str, str] | None = msgspec.field(name="binaryData", default=None)


class ObjectList(msgspec.Struct):
    """A list, with the version to watch from."""

    metadata: Meta
    items: list[KubeObject] = []


class WatchEvent(msgspec.Struct):
    """One line of a watch; ``object`` is a KubeObject, or a Status where the type is ERROR."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


class Status(msgspec.Struct):
    """What went wrong, as an HTTP status."""

    code: int = 0
    reason: str = ""


_T = TypeVar("_T")


def decode(data: bytes | msgspec.Raw, of: type[_T]) -> _T:
    """*data* as *of*; fields that are not read may be anything.

    Raises:
        ApiServerError: it is nothing of the kind; the message quotes nothing of it.
    """
    try:
        return msgspec.json.decode(data, type=of)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # The cause is cut off: it may quote what is in a Secret.
        raise ApiServerError("the answer is not what an API server says") from None


def part_of(kind: Kind, of: KubeObject) -> bytes | None:
    """The bytes of the one field that our objects have; None where it is absent.

    Raises:
        ApiServerError: it is not base64.
    """
    values = of.binary_data if kind == "configmaps" else of.data
    text = (values or {}).get(names.PART_FIELD)
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one
        raise ApiServerError("an object's content is not base64") from None
