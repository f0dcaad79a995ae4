"""Requests for two translators, made by chance of a seed: what clients of three APIs send."""

from random import Random
from typing import Any

Body = dict[str, Any]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
WORDS = ("Hi", "What is the weather?", "Größe?", "Go on.", "Tell me more\nof it.", "42")


def some(rng: Random, chance: float) -> bool:
    """Whether it is so, in *chance* of all cases."""
    return rng.random() < chance


def chat(rng: Random) -> Body:
    """A request of chat completions."""
    messages: list[Body] = []
    if some(rng, 0.5):
        messages.append({"role": rng.choice(("system", "developer")), "content": rng.choice(WORDS)})
    with_tools = some(rng, 0.6)
    for turn in range(rng.randint(1, 3)):
        messages.append({"role": "user", "content": _user(rng)})
        if with_tools and some(rng, 0.6):
            messages += _tool_round(rng, turn)
        if some(rng, 0.6):
            messages.append({"role": "assistant", "content": rng.choice(WORDS)})
    if messages[-1]["role"] == "assistant":
        messages.append({"role": "user", "content": "And now?"})
    body: Body = {"model": "m", "messages": messages, "max_tokens": rng.choice((64, 4_096, 20_000))}
    if with_tools:
        body["tools"] = [_chat_tool(name) for name in ("weather", "now")]
        choice = rng.choice((None, "auto", "required", "none", {"type": "function", "function": {"name": "weather"}}))
        body |= {"tool_choice": choice} if choice else {}
        body |= {"parallel_tool_calls": some(rng, 0.5)} if some(rng, 0.3) else {}
    return body | _sampling(rng) | _chat_extras(rng, with_tools)


def _user(rng: Random) -> Any:
    if some(rng, 0.6):
        return rng.choice(WORDS)
    parts: list[Body] = [{"type": "text", "text": rng.choice(WORDS)}]
    if some(rng, 0.6):
        parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}})
    if some(rng, 0.2):
        file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQK"}
        parts.append({"type": "file", "file": file})
    if some(rng, 0.3):
        parts.append({"type": "text", "text": rng.choice(WORDS)})
    return parts


def _tool_round(rng: Random, turn: int) -> list[Body]:
    names = rng.choice((["weather"], ["weather", "now"]))
    calls = [
        {"id": f"call_{turn}_{name}", "type": "function", "function": {"name": name, "arguments": '{"city": "Bonn"}'}}
        for name in names
    ]
    said = rng.choice((None, "Let me see."))
    results = [{"role": "tool", "tool_call_id": call["id"], "content": rng.choice(WORDS)} for call in calls]
    return [{"role": "assistant", "content": said, "tool_calls": calls}, *results]


def _chat_tool(name: str) -> Body:
    return {"type": "function", "function": {"name": name, "description": f"The {name}.", "parameters": SCHEMA}}


def _sampling(rng: Random) -> Body:
    found: Body = {}
    if some(rng, 0.4):
        found["temperature"] = rng.choice((0, 0.5, 1))
    if some(rng, 0.2):
        found["top_p"] = 0.9
    return found


def _chat_extras(rng: Random, with_tools: bool) -> Body:
    found: Body = {}
    if some(rng, 0.3):
        found["stop"] = rng.choice(("END", ["END", "STOP"]))
    if some(rng, 0.2):
        found["user"] = "ann"
    if some(rng, 0.2):
        found["stream"] = True
    if some(rng, 0.2) and not with_tools:
        named = {"name": "forecast", "schema": SCHEMA, "strict": True}
        found["response_format"] = rng.choice(({"type": "json_object"}, {"type": "json_schema", "json_schema": named}))
    if some(rng, 0.25):
        found["reasoning_effort"] = rng.choice(("low", "medium", "high"))
    for name, value in (("seed", 7), ("presence_penalty", 0.5), ("frequency_penalty", 0.5), ("n", 2)):
        if some(rng, 0.07):
            found[name] = value
    return found


def messages(rng: Random) -> Body:
    """A request of Anthropic's Messages."""
    body: Body = {"model": "m", "max_tokens": rng.choice((64, 4_096, 20_000)), "messages": []}
    if some(rng, 0.5):
        text = rng.choice(WORDS)
        cached = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
        body["system"] = rng.choice((text, [{"type": "text", "text": text}], [cached, {"type": "text", "text": "B"}]))
    with_tools = some(rng, 0.6)
    for turn in range(rng.randint(1, 3)):
        body["messages"].append({"role": "user", "content": _blocks(rng)})
        if with_tools and some(rng, 0.6):
            body["messages"] += _tool_use(rng, turn)
        elif some(rng, 0.6):
            body["messages"].append({"role": "assistant", "content": rng.choice(WORDS)})
    if body["messages"][-1]["role"] == "assistant":
        body["messages"].append({"role": "user", "content": "And now?"})
    return body | (_message_tools(rng) if with_tools else {}) | _message_extras(rng)


def _message_tools(rng: Random) -> Body:
    tool = {"description": "The weather.", "input_schema": SCHEMA}
    body: Body = {"tools": [{"name": name, **tool} for name in ("weather", "now")]}
    kind = rng.choice((None, "auto", "any", "none", "tool"))
    if kind:
        named = {"name": "weather"} if kind == "tool" else {}
        single = {"disable_parallel_tool_use": True} if some(rng, 0.3) and kind != "none" else {}
        body["tool_choice"] = {"type": kind, **named, **single}
    return body


def _message_extras(rng: Random) -> Body:
    body: Body = {}
    if some(rng, 0.2):
        body["thinking"] = {"type": "enabled", "budget_tokens": rng.choice((1_024, 4_096, 10_000, 20_000))}
        body["max_tokens"] = 32_000
    else:
        body |= _sampling(rng)
    if some(rng, 0.3):
        body["stop_sequences"] = ["END", "STOP"]
    if some(rng, 0.2):
        body["metadata"] = {"user_id": "ann"}
    if some(rng, 0.2):
        body["stream"] = True
    if some(rng, 0.1):
        body["top_k"] = 40
    return body


def _blocks(rng: Random) -> Any:
    if some(rng, 0.6):
        return rng.choice(WORDS)
    blocks: list[Body] = [{"type": "text", "text": rng.choice(WORDS)}]
    if some(rng, 0.4):
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        blocks.append(
            {"type": "image", "source": rng.choice((source, {"type": "url", "url": "https://x.example/a.png"}))}
        )
    if some(rng, 0.2):
        source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}
        blocks.append({"type": "document", "source": source, "title": "A"})
    return blocks


def _tool_use(rng: Random, turn: int) -> list[Body]:
    names = rng.choice((["weather"], ["weather", "now"]))
    said = rng.choice(([], [{"type": "text", "text": "Let me see."}]))
    uses = [
        {"type": "tool_use", "id": f"toolu_{turn}_{name}", "name": name, "input": {"city": "Bonn"}} for name in names
    ]
    results: list[Body] = []
    for use in uses:
        content = rng.choice(("7 degrees", [{"type": "text", "text": "7 degrees"}]))
        result = {"type": "tool_result", "tool_use_id": use["id"], "content": content}
        results.append(result | ({"is_error": True} if some(rng, 0.2) else {}))
    more = [{"type": "text", "text": "Well?"}] if some(rng, 0.3) else []
    return [{"role": "assistant", "content": [*said, *uses]}, {"role": "user", "content": [*results, *more]}]


def responses(rng: Random) -> Body:
    """A request of the Responses API."""
    items: list[Body] = []
    with_tools = some(rng, 0.6)
    for turn in range(rng.randint(1, 3)):
        items.append({"role": "user", "content": _input(rng)})
        if with_tools and some(rng, 0.6):
            items += _function_calls(rng, turn)
        elif some(rng, 0.6):
            said = [{"type": "output_text", "text": rng.choice(WORDS), "annotations": []}]
            items.append({"type": "message", "role": "assistant", "content": said})
    body: Body = {"model": "m", "input": rng.choice(WORDS) if some(rng, 0.15) else items}
    if some(rng, 0.5):
        body["instructions"] = rng.choice(WORDS)
    if some(rng, 0.6):
        body["max_output_tokens"] = rng.choice((64, 4_096))
    if with_tools:
        tool = {"type": "function", "description": "The weather.", "parameters": SCHEMA, "strict": True}
        body["tools"] = [{**tool, "name": name} for name in ("weather", "now")]
        choice = rng.choice((None, "auto", "required", "none", {"type": "function", "name": "weather"}))
        body |= {"tool_choice": choice} if choice else {}
        body |= {"parallel_tool_calls": some(rng, 0.5)} if some(rng, 0.3) else {}
    if some(rng, 0.3):
        body["reasoning"] = {"effort": rng.choice(("low", "medium", "high"))}
    if some(rng, 0.2):
        form = {"type": "json_schema", "name": "forecast", "schema": SCHEMA, "strict": True}
        body["text"] = {"format": rng.choice((form, {"type": "json_object"}, {"type": "text"}))}
    body |= {"store": False} if some(rng, 0.5) else {}
    body |= {"user": "ann"} if some(rng, 0.2) else {}
    body |= {"stream": True} if some(rng, 0.2) else {}
    return body | _sampling(rng)


def _input(rng: Random) -> Any:
    if some(rng, 0.6):
        return rng.choice(WORDS)
    parts: list[Body] = [{"type": "input_text", "text": rng.choice(WORDS)}]
    if some(rng, 0.5):
        url = rng.choice((f"data:image/png;base64,{PNG}", "https://x.example/a.png"))
        parts.append({"type": "input_image", "image_url": url, "detail": rng.choice(("auto", "low", "high"))})
    return parts


def _function_calls(rng: Random, turn: int) -> list[Body]:
    names = rng.choice((["weather"], ["weather", "now"]))
    ids = [f"call_{turn}_{name}" for name in names]
    calls: list[Body] = [
        {"type": "function_call", "call_id": call, "name": name, "arguments": '{"city": "Bonn"}'}
        for call, name in zip(ids, names, strict=True)
    ]
    return calls + [{"type": "function_call_output", "call_id": call, "output": rng.choice(WORDS)} for call in ids]


REQUESTS = {
    "chat-messages": chat,
    "chat-gemini": chat,
    "chat-converse": chat,
    "messages-chat": messages,
    "responses-chat": responses,
}
