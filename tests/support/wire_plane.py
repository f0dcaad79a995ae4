"""A data plane before the scripted provider of every wire: one upstream and one model for each wire it can speak."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from sluice_contract.snapshot import Credentials, Model, Snapshot, Target, Upstream
from sluice_contract.usage import UsageRecord
from support import journals, scenes
from support.builders import PRICE, key, model
from support.every_wire import EveryWire
from support.plane import RunningPlane, running

PATHS: Final[dict[str, dict[str, str]]] = {
    "chat": {
        "chat": "/chat/completions",
        "completions": "/completions",
        "embeddings": "/embeddings",
        "moderations": "/moderations",
        "images": "/images/generations",
        "image_edits": "/images/edits",
        "image_variations": "/images/variations",
        "speech": "/audio/speech",
        "transcriptions": "/audio/transcriptions",
        "translations": "/audio/translations",
        "rerank": "/rerank",
    },
    "responses": {
        "responses": "/responses",
        "response": "/responses/{id}",
        "responses_tokens": "/responses/input_tokens",
    },
    "messages": {"messages": "/messages", "count_tokens": "/messages/count_tokens"},
    "gemini": {
        "gemini": "/models/{model}:generateContent",
        "gemini.stream": "/models/{model}:streamGenerateContent?alt=sse",
        "gemini_count": "/models/{model}:countTokens",
        "gemini_embeddings": "/models/{model}:{method}",
    },
    "converse": {"converse": "/model/{model}/converse", "converse.stream": "/model/{model}/converse-stream"},
}
_VERSIONS: Final = {"chat": "/v1", "responses": "/v1", "messages": "/v1", "gemini": "/v1beta", "converse": ""}
_HEADERS: Final = {"messages": "x-api-key", "gemini": "x-goog-api-key"}
UPSTREAM_MODEL: Final = "every-small"
PEPPER_HEX: Final = "5e" * 32


class Provider(Protocol):
    """Who speaks every wire, each at a base URL of its own, for one credential."""

    key: str

    def url(self, scope: str, version: str = "") -> str:
        """The base URL of the wire *scope*, with what comes before its paths."""
        ...


def upstream_of(provider: Provider, wire: str, **fields: Any) -> Upstream:
    """The upstream where *provider* speaks *wire* alone."""
    own: dict[str, Any] = {"provider_name": wire, "credential_id": "c", "paths": PATHS[wire]}
    if wire in _HEADERS:
        own |= {"auth_header": _HEADERS[wire], "auth_prefix": ""}
    return scenes.provider(provider.url(wire, _VERSIONS[wire]), f"up-{wire}", **{**own, **fields})


def model_of(wire: str, **fields: Any) -> Model:
    """The model ``m-<wire>``, served where that wire is spoken."""
    target = Target(name="t", upstream_id=f"up-{wire}", model=UPSTREAM_MODEL, price=PRICE)
    return model(fields.pop("name", f"m-{wire}"), **{"targets": (target,), **fields})


def snapshot_of(provider: Provider, *more: Model, **fields: Any) -> Snapshot:
    """Every wire's model, and *more*."""
    base: dict[str, Any] = {
        "models": (*(model_of(wire) for wire in PATHS), *more),
        "upstreams": tuple(upstream_of(provider, wire) for wire in PATHS),
        "keys": (key(),),
        "credentials": Credentials(values={"c": provider.key}, pepper_hex=PEPPER_HEX),
    }
    return Snapshot(**{**base, **fields})


class WireBench(msgspec.Struct):
    """A running plane, the provider behind it, and what both wrote down."""

    plane: RunningPlane
    provider: EveryWire
    data_dir: Path

    def records(self) -> list[UsageRecord]:
        """What was billed, oldest first; a record is written before its answer's last byte is sent."""
        return journals.records(self.data_dir)


@contextlib.asynccontextmanager
async def wire_bench(data_dir: Path, *more: Model, **fields: Any) -> AsyncIterator[WireBench]:
    """A plane that serves :func:`snapshot_of` *more* and *fields*."""
    async with EveryWire() as provider, running(snapshot_of(provider, *more, **fields), data_dir) as plane:
        yield WireBench(plane, provider, data_dir)
