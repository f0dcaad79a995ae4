"""Converse: a request as the body of ``Converse`` and ``ConverseStream``; the model's name goes into the path.  Pure.

Source: the API reference (``Converse``), the pages on structured output, service tiers and the parameters of models.
"""

import re
from typing import Final

from sluice_dataplane.dialects.conversation import Format, Request
from sluice_dataplane.dialects.converse.families import Family, family_of
from sluice_dataplane.dialects.converse.media_out import Block
from sluice_dataplane.dialects.converse.thinking_out import Thought, write_thinking
from sluice_dataplane.dialects.converse.tools_out import one_at_a_time, write_tools
from sluice_dataplane.dialects.converse.turns_out import write_turns
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.dialects.values import encoder

MAX_METADATA: Final = 16  # entries
_METADATA: Final = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
_TIERS: Final = {"default": "default", "standard": "default", "standard_only": "default"}
_OWN_TIERS: Final = ("priority", "flex", "reserved")
_UNKNOWN: Final = ("presence_penalty", "frequency_penalty", "logit_bias", "logprobs")
_WARMEST: Final = 1.0  # the highest temperature that the API takes
_OBJECT: Final = "Answer with one JSON object and nothing else."


def write_request(request: Request, to: To) -> bytes:
    """*request* as a body.

    Raises:
        InvalidRequestError: what cannot be carried may not be dropped; names the client's field.
    """
    family = family_of(to.model)
    _lose(request, to)
    ceiling = to.ceiling_of(request.ceiling)
    thought = write_thinking(request, to, family, ceiling)
    inference, fields = _sampling(request, to, family, thought)
    system, messages = write_turns(request.turns, to, family)
    output: Block = {"effort": thought.effort} if thought.effort else {}
    if request.format is not None:
        _write_format(request.format, to, system, output)
    if ceiling is not None:
        inference = {"maxTokens": ceiling} | inference
    if (single := one_at_a_time(request, family)) is not None:
        fields["tool_choice"] = single
    body: Block = {
        "system": system,
        "messages": messages,
        "inferenceConfig": inference,
        "toolConfig": write_tools(request, to, family),
        "outputConfig": output,
        "additionalModelRequestFields": fields,
        "additionalModelResponseFieldPaths": ["/stop_sequence"] if request.stop and family == "claude" else None,
        "serviceTier": _tier(request.service_tier, to),
        "requestMetadata": _metadata(request.metadata or {}),
    }
    return encoder.encode({name: value for name, value in body.items() if value})


def _lose(request: Request, to: To) -> None:
    for name in _UNKNOWN:
        if getattr(request, name):
            to.losses.lose(name)
    if request.seed is not None:
        to.losses.lose("seed")
    if request.choices > 1:
        to.losses.lose("choices", "the provider of this model gives one answer to a request")


def _sampling(request: Request, to: To, family: Family, thought: Thought) -> tuple[Block, Block]:
    """``inferenceConfig`` without the ceiling, and the model's own fields."""
    temperature, top_p, top_k = _heeded(request, to, thought)
    inference: Block = {"temperature": temperature, "topP": top_p, "stopSequences": _stops(request.stop, to, family)}
    fields = dict(thought.fields)
    if top_k is not None:
        fields |= _top_k(top_k, to, family)
    return {name: value for name, value in inference.items() if value is not None}, fields


def _heeded(request: Request, to: To, thought: Thought) -> tuple[float | None, float | None, int | None]:
    """Temperature, ``top_p`` and ``top_k`` as far as the model heeds them.  ``top_p`` 1 is as if nothing were said."""
    temperature, top_p, top_k = request.temperature, request.top_p, request.top_k
    if top_p == 1:  # Claude takes only one of it and temperature
        top_p = None
    why = "this model takes no sampling parameters" if to.capabilities.sampling is False else ""
    if thought.on:
        why = "this model takes no sampling parameters while it thinks"
    if why:
        asked = {"temperature": None if temperature == 1 else temperature, "top_p": top_p, "top_k": top_k}
        for name, value in asked.items():
            if value is not None:
                to.losses.lose(name, why)
        return None, None, None
    if temperature is not None and temperature > _WARMEST:
        to.losses.lose("temperature", "the provider of this model takes at most 1")
        temperature = _WARMEST
    return temperature, top_p, top_k


def _stops(stops: tuple[str, ...], to: To, family: Family) -> list[str] | None:
    """None where nothing is left; Claude takes no sequence of white space only, nobody an empty one."""
    kept = [stop for stop in stops if stop]
    if family == "claude" and not all(stop.strip() for stop in kept):
        to.losses.lose("stop", "this model takes no stop sequence of white space only")
        kept = [stop for stop in kept if stop.strip()]
    return kept or None


def _top_k(top_k: int, to: To, family: Family) -> Block:
    if family == "claude":
        return {"top_k": top_k}
    if family == "nova":
        return {"inferenceConfig": {"topK": top_k}}
    to.losses.lose("top_k")
    return {}


def _write_format(form: Format, to: To, system: list[Block], output: Block) -> None:
    """The form of the answer: said to the model's machinery by a schema, else in words."""
    if form.kind == "object":
        system.append({"text": _OBJECT})
    elif to.capabilities.structured_output is False:
        to.losses.lose("format", "this model cannot be held to a schema")
        system.append({"text": f"{_OBJECT} It follows this JSON Schema: {bytes(form.schema).decode()}"})
    else:
        definition = {"schema": bytes(form.schema).decode(), "name": form.name, "description": form.description}
        structure = {"jsonSchema": {name: value for name, value in definition.items() if value}}
        output["textFormat"] = {"type": "json_schema", "structure": structure}


def _tier(name: str, to: To) -> Block | None:
    if name in ("", "auto"):
        return None
    tier = name if name in _OWN_TIERS else _TIERS.get(name)
    if tier is None:
        to.losses.lose("service_tier")
        return None
    return {"type": tier}


def _metadata(metadata: dict[str, str]) -> dict[str, str]:
    """What of it AWS takes; it goes into the logs of the account, and changes no answer."""
    fit = {
        name: value
        for name, value in metadata.items()
        if name and _METADATA.fullmatch(name) and _METADATA.fullmatch(value)
    }
    return dict(list(fit.items())[:MAX_METADATA])
