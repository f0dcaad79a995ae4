"""Two translations of one body, compared: what is said otherwise but means the same is made the same first."""

import json
import re
from collections.abc import Iterator
from typing import Any

_UNDERSCORE = re.compile(r"_([a-z])")
# What each makes up, or repeats of what it was given.
_OWN = frozenset(("id", "created", "created_at", "completed_at", "model", "object"))


def differences(kind: str, pair: str, ours: dict[str, Any], theirs: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Each difference: what kind it is, and both values."""
    if "error" in ours or "error" in theirs:
        if "error" in ours and "error" in theirs:
            return []
        who, why = ("ours", ours["error"]) if "error" in ours else ("theirs", theirs["error"].partition(":")[0])
        return [(f"{kind} {pair}: refused by {who}: {why}", ours, theirs)]
    front, back = pair.split("-")
    wire = back if kind == "request" else front
    left, right = (_plain(_same(wire, kind, each["body"])) for each in (ours, theirs))
    return [(f"{kind} {pair}: {what}", mine, other) for what, mine, other in _diff(left, right, "")]


def _diff(ours: Any, theirs: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted({*ours, *theirs}):
            place = f"{path}.{name}" if path else name
            if name not in theirs:
                yield f"only ours {place}", ours[name], None
            elif name not in ours:
                yield f"only theirs {place}", None, theirs[name]
            else:
                yield from _diff(ours[name], theirs[name], place)
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            yield f"other number {path}", ours, theirs
            return
        for mine, other in zip(ours, theirs, strict=True):
            yield from _diff(mine, other, f"{path}[]")
    elif ours != theirs:
        yield f"differs {path}", ours, theirs


def _plain(value: Any) -> Any:
    """*value* without what says nothing: null, and what is empty."""
    if isinstance(value, dict):
        found = {key: _plain(each) for key, each in value.items()}
        return {key: each for key, each in found.items() if each not in (None, [], {}, "")}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def _same(wire: str, kind: str, body: Any) -> Any:
    found = _SAME[wire](body) if wire in _SAME else body
    return {key: each for key, each in found.items() if key not in _OWN} if kind == "answer" else _without_model(found)


def _without_model(body: Any) -> Any:
    return {key: each for key, each in body.items() if key != "model"}


def _chat(body: Any) -> Any:
    """A text may be a list of one part, arguments are JSON, and its ceiling has two names."""
    found = dict(body)
    if "max_completion_tokens" in found:
        found["max_tokens"] = found.pop("max_completion_tokens")
    for name in ("messages", "choices"):
        if name in found:
            found[name] = [_chat_message(each) for each in found[name]]
    return found


def _chat_message(message: Any) -> Any:
    found = dict(message)
    if "message" in found:
        found["message"] = _chat_message(found["message"])
    content = found.get("content")
    if isinstance(content, list) and len(content) == 1 and content[0].get("type") == "text":
        found["content"] = content[0]["text"]
    if found.get("tool_calls"):
        found["tool_calls"] = [_chat_call(each) for each in found["tool_calls"]]
    return found


def _chat_call(call: Any) -> Any:
    function = call["function"]
    return {**call, "function": {**function, "arguments": json.loads(function["arguments"] or "{}")}}


def _messages(body: Any) -> Any:
    """A text may be a list of one block, and a tool of the client's own may be called custom."""
    found = dict(body)
    if isinstance(found.get("system"), str):
        found["system"] = [{"type": "text", "text": found["system"]}]
    if "messages" in found:
        found["messages"] = [{**each, "content": _blocks(each["content"])} for each in found["messages"]]
    if found.get("tools"):
        found["tools"] = [{key: each for key, each in tool.items() if key != "type"} for tool in found["tools"]]
    return found


def _blocks(content: Any) -> Any:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [{**each, "content": _blocks(each["content"])} if each.get("content") else each for each in content]


def _gemini(value: Any) -> Any:
    """Names in camelCase."""
    if isinstance(value, dict):
        return {_UNDERSCORE.sub(lambda found: found[1].upper(), key): _gemini(each) for key, each in value.items()}
    return [_gemini(each) for each in value] if isinstance(value, list) else value


def _responses(body: Any) -> Any:
    """Items have ids that each makes up; arguments are JSON."""
    found = dict(body)
    found["output"] = [
        {key: json.loads(each) if key == "arguments" else each for key, each in item.items() if key != "id"}
        for item in found["output"]
    ]
    return found


_SAME = {"chat": _chat, "messages": _messages, "gemini": _gemini, "responses": _responses}
