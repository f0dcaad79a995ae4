"""Snapshot ⇄ parts ⇄ bytes.

A part is canonical JSON (sorted, no white space, no timestamps), deflated with a fixed level, so that equal
content is equal bytes.  Part names are object names' suffixes:

=================  =========  ==========================================
part               kept in    holds
=================  =========  ==========================================
``models``         ConfigMap  models and upstreams
``budgets``        ConfigMap  budgets
``credentials``    Secret     provider credentials and the pepper
``keys-00`` …      Secret     keys, sharded by key id
``index``          ConfigMap  schema and the digest of each part above
=================  =========  ==========================================
"""

import hashlib
import zlib
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from sluice_contract.errors import SnapshotInvalidError
from sluice_contract.quirks import NEW_CEILING
from sluice_contract.snapshot import KEY_SHARD_COUNT, SCHEMA, Budget, Credentials, Key, Model, Snapshot, Upstream

INDEX: Final = "index"
MODELS: Final = "models"
BUDGETS: Final = "budgets"
CREDENTIALS: Final = "credentials"
KEY_SHARDS: Final = tuple(f"keys-{n:02d}" for n in range(KEY_SHARD_COUNT))
_NEW_CEILING_TYPES: Final = ("OpenAI", "AzureOpenAI")  # of schema 2
READABLE_SCHEMAS: Final = tuple(number for number in (SCHEMA - 1, SCHEMA) if number > 0)
PARTS: Final = (MODELS, BUDGETS, CREDENTIALS, *KEY_SHARDS)
SECRET_PARTS: Final = frozenset((CREDENTIALS, *KEY_SHARDS))
MAX_PART_BYTES: Final = 700 * 1024  # deflated; an object of the API server holds about 1 MiB
MAX_INFLATED_BYTES: Final = 64 * 1024 * 1024  # a damaged or hostile part must not eat our memory

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class ModelsPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of part ``models``."""

    models: tuple[Model, ...]
    upstreams: tuple[Upstream, ...]


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names the digest of each part; its own digest is the revision."""

    schema: int
    parts: dict[str, str]


def shard_of(key_id: str) -> str:
    """The part that holds the key of *key_id*, today and after any other key has come or gone."""
    return KEY_SHARDS[zlib.crc32(key_id.encode()) % KEY_SHARD_COUNT]


def digest(data: bytes) -> str:
    """The hex SHA-256 of *data*."""
    return hashlib.sha256(data).hexdigest()


def revision_of(index: bytes) -> str:
    """The revision that the bytes of an index stand for: 12 hex digits."""
    return digest(index)[:12]


def encode(snapshot: Snapshot) -> dict[str, bytes]:
    """All parts of *snapshot* by name, with the index under ``INDEX``; equal snapshots give equal bytes.

    Raises:
        SnapshotInvalidError: a part is over MAX_PART_BYTES; the message names it.
    """
    shards: dict[str, list[Key]] = {name: [] for name in KEY_SHARDS}
    for key in snapshot.keys:
        shards[shard_of(key.id)].append(key)
    content: dict[str, Any] = {
        MODELS: ModelsPart(snapshot.models, snapshot.upstreams),
        BUDGETS: snapshot.budgets,
        CREDENTIALS: snapshot.credentials,
        **shards,
    }
    parts = {name: _pack(name, value) for name, value in content.items()}
    index = Index(schema=SCHEMA, parts={name: digest(data) for name, data in parts.items()})
    return {**parts, INDEX: _encoder.encode(index)}


def decode_index(data: bytes) -> Index:
    """The index in *data*.

    Raises:
        SnapshotInvalidError: it is malformed, of a schema this reader does not know, or does not name PARTS.
    """
    index = _decode(INDEX, data, Index)
    if index.schema not in READABLE_SCHEMAS:
        known = " and ".join(map(str, READABLE_SCHEMAS))
        message = f"index: schema {index.schema} is not readable here; this reader knows {known}"
        raise SnapshotInvalidError(message)
    if missing := set(PARTS) - set(index.parts):
        message = f"index: does not name {', '.join(sorted(missing))}"
        raise SnapshotInvalidError(message)
    return index


def decode(index: Index, parts: Mapping[str, bytes]) -> Snapshot:
    """The snapshot that *index* names, from *parts* that may hold more than it names.

    Raises:
        SnapshotInvalidError: a part is absent, is not the one the index names, or is malformed.
    """
    whole = {name: _checked(name, parts, index.parts[name]) for name in PARTS}
    models = _decode(MODELS, whole[MODELS], ModelsPart)
    keys = tuple(key for shard in KEY_SHARDS for key in _decode(shard, whole[shard], tuple[Key, ...]))
    budgets = _decode(BUDGETS, whole[BUDGETS], tuple[Budget, ...])
    return Snapshot(
        models=models.models,
        upstreams=models.upstreams if index.schema > 2 else tuple(map(_of_schema_2, models.upstreams)),
        budgets=budgets,
        keys=keys,
        credentials=_decode(CREDENTIALS, whole[CREDENTIALS], Credentials),
    )


def _of_schema_2(upstream: Upstream) -> Upstream:
    # What it speaks was OpenAI's for all, and the name of the ceiling hung on the type.
    return msgspec.structs.replace(upstream, quirks=(NEW_CEILING,) if upstream.type in _NEW_CEILING_TYPES else ())


def _pack(name: str, value: object) -> bytes:
    data = zlib.compress(_encoder.encode(value), level=6)
    if len(data) > MAX_PART_BYTES:
        message = f"{name}: {len(data)} bytes is over the {MAX_PART_BYTES} that one object may hold"
        raise SnapshotInvalidError(message)
    return data


def _checked(name: str, parts: Mapping[str, bytes], expected: str) -> bytes:
    data = parts.get(name)
    if data is None:
        message = f"{name}: named by the index but not there"
        raise SnapshotInvalidError(message)
    if digest(data) != expected:
        message = f"{name}: its digest is not the one the index names"
        raise SnapshotInvalidError(message)
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(data, MAX_INFLATED_BYTES)
    except zlib.error as error:
        message = f"{name}: {error}"
        raise SnapshotInvalidError(message) from error
    if not inflate.eof:
        message = f"{name}: is cut off, or holds more than {MAX_INFLATED_BYTES} bytes"
        raise SnapshotInvalidError(message)
    return plain


_T = TypeVar("_T")


def _decode(name: str, data: bytes, of: type[_T]) -> _T:
    try:
        return msgspec.json.decode(data, type=of)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = f"{name}: {error}"
        # The cause is cut off: for Secret parts it may quote what it read.
        raise SnapshotInvalidError(message) from None
