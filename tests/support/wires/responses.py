"""OpenAI's Responses API, as its provider speaks it.  Source: OpenAI's API reference."""

from typing import Any, Final

import msgspec

from support.wires.openai_common import error
from support.wires.responses_request import Asked, check, turns_of
from support.wires.values import (
    Call,
    Failure,
    Heard,
    RefusedError,
    Reply,
    Thought,
    Tool,
    Used,
    Wire,
    Words,
    decoded,
    pieces,
    proof_of,
    sse,
)

CREATED: Final = 1_750_000_000


class Responses:
    """See :class:`support.wires.values.Speaker`.  ``kept`` are the conversations that answers continue, by id."""

    wire: Wire = "responses"
    content_type = "text/event-stream; charset=utf-8"

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self._inputs: dict[str, list[Any]] = {}

    def hear(self, body: bytes, _model: str, _headers: dict[str, str]) -> Heard:
        """See Speaker."""
        asked = decoded(body, Asked)
        items = [{"role": "user", "content": asked.input}] if isinstance(asked.input, str) else asked.input
        if asked.previous_response_id is not None:
            if asked.previous_response_id not in self.kept:
                raise RefusedError(
                    f"Previous response with id '{asked.previous_response_id}' not found.", param="previous_response_id"
                )
            before = self._inputs[asked.previous_response_id] + self.kept[asked.previous_response_id]["output"]
            items = before + items
        check(asked)
        choice = asked.tool_choice
        forced = "*" if choice == "required" else ""
        if isinstance(choice, dict):
            forced = choice.get("name", "")
        return Heard(
            "responses",
            asked.model,
            stream=bool(asked.stream),
            turns=turns_of(asked.instructions, items),
            tools=[
                Tool(each["name"], each.get("parameters"))
                for each in asked.tools or ()
                if each["type"] in ("function", "custom")
            ],
            forced=forced,
            schema=_schema(asked.text or {}),
            ceiling=asked.max_output_tokens,
            thinking="reasoning.encrypted_content" in (asked.include or ()),
            asked=(asked, items),
        )

    def answer(self, heard: Heard, reply: Reply) -> bytes:
        """See Speaker."""
        return msgspec.json.encode(self._response(heard, reply))

    def _response(self, heard: Heard, reply: Reply) -> dict[str, Any]:
        asked, items = heard.asked
        output = [_item(part, f"{reply.id}_{i}", heard) for i, part in enumerate(reply.parts)]
        cut = reply.finish == "length"
        told = {
            "id": f"resp_{reply.id}",
            "object": "response",
            "created_at": CREATED,
            "status": "incomplete" if cut else "completed",
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "model": f"{heard.model}-2026",
            "output": output,
            "usage": _usage(reply.used),
            **_repeated(asked),
        }
        if asked.store is not False:
            self.kept[told["id"]], self._inputs[told["id"]] = told, items
        return told

    def events(self, heard: Heard, reply: Reply) -> list[bytes]:
        """See Speaker."""
        whole = self._response(heard, reply)
        begun = {**whole, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
        told: list[dict[str, Any]] = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
        ]
        for i, item in enumerate(whole["output"]):
            told += _item_events(i, item)
        if reply.breaks:
            failed = {"type": "error", "code": "server_error", "message": "scripted break", "param": None}
            told = [*told[:6], failed]
        else:
            told.append({"type": f"response.{whole['status']}", "response": whole})
        return [sse({**each, "sequence_number": n}, each["type"]) for n, each in enumerate(told)]

    def error(self, failure: Failure) -> tuple[dict[str, str], bytes]:
        """See Speaker."""
        return error(failure)


def _schema(text: dict[str, Any]) -> dict[str, Any] | None:
    wanted = text.get("format") or {}
    if wanted.get("type") == "json_schema":
        schema: dict[str, Any] = wanted["schema"]
        return schema
    return {} if wanted.get("type") == "json_object" else None


def _repeated(asked: Asked) -> dict[str, Any]:
    return {
        "background": False,
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_output_tokens,
        "metadata": asked.metadata or {},
        "parallel_tool_calls": asked.parallel_tool_calls is not False,
        "previous_response_id": asked.previous_response_id,
        "reasoning": {"effort": None, "summary": None} | (asked.reasoning or {}),
        "service_tier": "default",
        "store": asked.store is not False,
        "temperature": 1.0 if asked.temperature is None else asked.temperature,
        "text": asked.text or {"format": {"type": "text"}},
        "tool_choice": asked.tool_choice or "auto",
        "tools": asked.tools or [],
        "top_p": 1.0 if asked.top_p is None else asked.top_p,
        "truncation": "disabled",
        "user": None,
    }


def _item(part: Thought | Words | Call, number: str, heard: Heard) -> dict[str, Any]:
    if isinstance(part, Thought):
        proof = proof_of("responses", part.text) if heard.thinking else None
        shown = (heard.asked[0].reasoning or {}).get("summary")  # without being asked for one it shows none
        summary = [{"type": "summary_text", "text": part.text}] if shown else []
        return {"id": f"rs_{number}", "type": "reasoning", "summary": summary, "encrypted_content": proof}
    if isinstance(part, Words):
        content = [{"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}]
        told = {"id": f"msg_{number}", "type": "message", "status": "completed", "role": "assistant"}
        return {**told, "content": content}
    told = {"call_id": f"call_{number}", "name": part.name}
    if part.free:
        return {"id": f"ctc_{number}", "type": "custom_tool_call", **told, "input": part.arguments}
    return {"id": f"fc_{number}", "type": "function_call", "status": "completed", **told, "arguments": part.arguments}


def _item_events(index: int, item: dict[str, Any]) -> list[dict[str, Any]]:
    at = {"output_index": index, "item_id": item["id"]}
    kind = item["type"]
    begun = dict(item)
    if kind == "reasoning":
        begun["summary"] = []
        inner = [event for part in item["summary"] for event in _summary_events(at, part)]
    elif kind == "message":
        begun |= {"status": "in_progress", "content": []}
        inner = _text_events(at, item["content"][0])
    else:
        field = "arguments" if kind == "function_call" else "input"
        named = "function_call_arguments" if kind == "function_call" else "custom_tool_call_input"
        begun[field] = ""
        inner = [{"type": f"response.{named}.delta", **at, "delta": piece} for piece in pieces(item[field])]
        inner.append({"type": f"response.{named}.done", **at, field: item[field], "name": item["name"]})
    return [
        {"type": "response.output_item.added", "output_index": index, "item": begun},
        *inner,
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def _summary_events(at: dict[str, Any], part: dict[str, Any]) -> list[dict[str, Any]]:
    at = {**at, "summary_index": 0}
    named = "response.reasoning_summary"
    return [
        {"type": f"{named}_part.added", **at, "part": {**part, "text": ""}},
        *({"type": f"{named}_text.delta", **at, "delta": piece} for piece in pieces(part["text"])),
        {"type": f"{named}_text.done", **at, "text": part["text"]},
        {"type": f"{named}_part.done", **at, "part": part},
    ]


def _text_events(at: dict[str, Any], part: dict[str, Any]) -> list[dict[str, Any]]:
    at = {**at, "content_index": 0}
    return [
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        *(
            {"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []}
            for piece in pieces(part["text"])
        ),
        {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []},
        {"type": "response.content_part.done", **at, "part": part},
    ]


def _usage(used: Used) -> dict[str, Any]:
    return {
        "input_tokens": used.input,
        "input_tokens_details": {"cached_tokens": used.cached, "cache_write_tokens": used.written},
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.input + used.output,
    }
