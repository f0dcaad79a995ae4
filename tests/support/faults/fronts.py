"""What clients send and what they make of answers, good or bad, by the wire that they speak.  Pure."""

from typing import Any, Final

import msgspec

FRONTS: Final = ("chat", "responses", "messages", "gemini")
_PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}


class Read(msgspec.Struct):
    """One answer as its client reads it.

    ``errors`` are (status or None, code, message), ``text`` is what was said, ``whole``: the client saw the end.
    """

    text: str = ""
    whole: bool = False
    errors: list[tuple[int | None, str, str]] = []


def path_of(front: str, model: str, *, stream: bool, array: bool = False) -> str:
    """Where a call goes; *array*: Gemini's stream that is one."""
    if front != "gemini":
        return _PATHS[front]
    verb = "streamGenerateContent" + "?alt=sse" * (not array) if stream else "generateContent"
    return f"/v1beta/models/{model}:{verb}"


def body_of(front: str, model: str, text: str, *, stream: bool) -> dict[str, Any]:
    """A call that asks *text*."""
    said = [{"role": "user", "content": text}]
    match front:
        case "gemini":
            return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
        case "responses":
            return {"model": model, "input": text, "stream": stream, "store": False}
        case "messages":
            return {"model": model, "messages": said, "max_tokens": 2_000, "stream": stream}
    return {"model": model, "messages": said, "stream": stream}


def read_plain(front: str, body: bytes) -> Read:
    """A plain answer.  Raises msgspec.DecodeError for what is no JSON."""
    told = msgspec.json.decode(body)
    if front == "gemini" and isinstance(told, list):
        told = told[0]
    if isinstance(told, dict) and told.get("error") is not None:
        return Read(errors=[error_of(front, told["error"])])
    return Read(_TEXTS[front](told), whole=True)


def error_of(front: str, error: dict[str, Any]) -> tuple[int | None, str, str]:
    """(status, code, message) of an error in *front*'s form."""
    if front == "gemini":
        details = error.get("details") or [{}]
        return error["code"], details[0].get("reason", ""), error["message"]
    assert error["type"]
    return None, error.get("code") or error["type"], error["message"]


def read_stream(front: str, body: bytes) -> Read:
    """A stream of events, read as strictly as a client may: every event is whole, every one with data is JSON."""
    read = Read(errors=[])
    for event in _events(body):
        data = b"\n".join(line[5:].removeprefix(b" ") for line in event if line.startswith(b"data:"))
        if not data:
            continue
        if data == b"[DONE]":
            read.whole = read.whole or front == "chat"
            continue
        _take(front, read, event, msgspec.json.decode(data))
    return read


def read_array(body: bytes) -> Read:
    """Gemini's stream as one array."""
    read = Read(errors=[])
    for each in msgspec.json.decode(body, type=list[dict[str, Any]]):
        _take("gemini", read, [], each)
    return read


def _events(body: bytes) -> list[list[bytes]]:
    text = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert text.endswith(b"\n\n") or not text.strip(), f"the stream ends inside an event: {text[-80:]!r}"
    return [event.split(b"\n") for event in text.split(b"\n\n") if event.strip()]


def _take(front: str, read: Read, event: list[bytes], told: dict[str, Any]) -> None:
    kind = told.get("type", "")
    if told.get("error") is not None and kind in ("", "error"):
        read.errors.append(error_of(front, told["error"]))
    elif kind == "error":  # the Responses API's own
        read.errors.append((None, told["code"], told["message"]))
    elif kind == "response.failed":
        read.errors.append((None, told["response"]["error"]["code"], told["response"]["error"]["message"]))
    if front in ("messages", "responses") and event and told.get("error") is not None and kind == "error":
        assert event[0] == b"event: error"
    match front:
        case "chat":
            read.text += "".join(each.get("delta", {}).get("content") or "" for each in told.get("choices", ()))
        case "responses":
            read.text += told["delta"] if kind == "response.output_text.delta" else ""
            read.whole |= kind in ("response.completed", "response.incomplete")
        case "messages":
            read.text += (told.get("delta") or {}).get("text") or "" if kind == "content_block_delta" else ""
            read.whole |= kind == "message_stop"
        case "gemini":
            read.text += _gemini(told)
            read.whole |= any(each.get("finishReason") for each in told.get("candidates", ()))


def _chat(told: Any) -> str:
    return "".join(each["message"]["content"] or "" for each in told["choices"])


def _responses(told: Any) -> str:
    return "".join(part["text"] for item in told["output"] for part in item.get("content", ()))


def _messages(told: Any) -> str:
    return "".join(block.get("text", "") for block in told["content"])


def _gemini(told: Any) -> str:
    parts = [part for each in told.get("candidates", ()) for part in each.get("content", {}).get("parts", ())]
    return "".join(part.get("text", "") for part in parts)


_TEXTS: Final = {"chat": _chat, "responses": _responses, "messages": _messages, "gemini": _gemini}
