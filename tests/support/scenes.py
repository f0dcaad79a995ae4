"""Snapshots around the scripted upstream: models that it serves, keys of our own, and what it must have sent."""

from typing import Any

from sluice_contract.snapshot import Credentials, Model, Price, Snapshot, Target, Upstream
from support.builders import digest_of, key, model
from support.upstream import PRESETS, Fault, ScriptedUpstream
from support.upstream_wire import answer_to

PROVIDER_SECRET = "sk-provider-canary-5d1f"
CREDENTIALS = Credentials(values={"cred": PROVIDER_SECRET})
# 1 nano-USD a token: what a call cost is what it used.
UNIT_PRICE = Price(version="unit", input_nusd_per_mtok=1_000_000, output_nusd_per_mtok=1_000_000)


def provider(base_url: str, id_: str = "up", **fields: Any) -> Upstream:
    """An upstream of OpenAI's dialect at *base_url*, called with PROVIDER_SECRET."""
    base: dict[str, Any] = {
        "type": "OpenAICompatible",
        "provider_name": "scripted",
        "base_url": base_url,
        "auth_header": "authorization",
        "auth_prefix": "Bearer ",
        "credential_id": "cred",
        "allow_private_network": True,
    }
    return Upstream(**{**base, "id": id_, **fields})


def target(upstream_id: str = "up", **fields: Any) -> Target:
    """A target on that upstream which passes the model's name on, at UNIT_PRICE."""
    return Target(**{"name": upstream_id, "upstream_id": upstream_id, "price": UNIT_PRICE, **fields})


def served(name: str = "chat", *targets: Target, **fields: Any) -> Model:
    """A public model on *targets*, by default on the one upstream."""
    return model(name, targets=targets or (target(),), **fields)


def one_provider(base_url: str, *models: Model, **parts: Any) -> Snapshot:
    """One provider at *base_url*, *models* (by default ``chat`` and every ``fault-…``) and the key of SECRET."""
    base: dict[str, Any] = {
        "models": models or (served(), served("fault-*")),
        "upstreams": (provider(base_url),),
        "keys": (key(),),
        "credentials": CREDENTIALS,
    }
    return Snapshot(**{**base, **parts})


def other_key(name: str, **fields: Any) -> Any:
    """A key called *name* whose secret is ``sk-<name>``."""
    return key(**{"id": f"vk{name}", "name": name, "digests": (digest_of(f"sk-{name}"),), **fields})


def chat(text: str = "hello", model_name: str = "chat", **fields: Any) -> dict[str, Any]:
    """A chat request of one user message."""
    return {"model": model_name, "messages": [{"role": "user", "content": text}], **fields}


def sent_by(upstream: ScriptedUpstream, number: int, *, keep_usage: bool) -> bytes:
    """The bytes that *upstream* streamed as its answer number *number*, with or without its usage event."""
    seen = upstream.seen[number - 1]
    answer = answer_to(seen.path, seen.body, number=number)
    fault = upstream.models.get(answer.model) or PRESETS.get(answer.model.removeprefix("fault-")) or Fault()
    events = [event for event, _ in answer.events(usage=fault.usage, chunks=fault.chunks)]
    return b"".join(event for event in events if keep_usage or b'"usage":{' not in event)
