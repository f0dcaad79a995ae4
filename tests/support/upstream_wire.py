"""What the scripted upstream says when nothing is wrong: OpenAI's answers.  Written apart from the product's Echo.

Source: the OpenAI API reference.
"""

import base64
import struct
from typing import Any

import msgspec

from support.wires.values import tokens_of


def error_body(status: int) -> bytes:
    """An error in OpenAI's form."""
    error = {"message": f"scripted {status}", "type": "scripted_error", "param": None, "code": f"scripted_{status}"}
    return msgspec.json.encode({"error": error})


class Answer:
    """The good answer to one request; ``status`` is 400 for a body that is no request."""

    def __init__(self, path: str, asked: dict[str, Any], number: int) -> None:
        self.id = f"up-{number}"
        self.status = 200
        self.model = str(asked.get("model", ""))
        self.streamed = bool(asked.get("stream"))
        self._kind = path.rsplit("/", 1)[-1] if "chat" not in path else "chat"
        self._asked = asked
        self._include_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        heard = self._heard()
        self.input_tokens = sum(map(tokens_of, heard))
        self._content = heard[-1] if heard else ""
        ceiling = asked.get("max_completion_tokens") or asked.get("max_tokens")
        self._finish = "stop"
        if ceiling is not None and tokens_of(self._content) > ceiling:
            self._content = self._content.encode()[: 4 * ceiling].decode(errors="ignore")
            self._finish = "length"
        self.output_tokens = 0 if self._kind == "embeddings" else tokens_of(self._content)

    def _heard(self) -> list[str]:
        """All the text that came, what is to be echoed last."""
        if self._kind != "chat":
            given = self._asked.get("input" if self._kind == "embeddings" else "prompt", "")
            return [given] if isinstance(given, str) else [str(each) for each in given]
        texts = [(each.get("role"), _text_of(each.get("content"))) for each in self._asked.get("messages", [])]
        return [text for role, text in texts if role != "user"] + [text for role, text in texts if role == "user"]

    def body(self, *, usage: str) -> bytes:
        """The plain answer, with usage figures that are real, none or zero."""
        if self.status != 200:
            return error_body(self.status)
        told: dict[str, Any] = {"model": self.model}
        if self._kind == "embeddings":
            told |= {"object": "list", "data": [self._embedding(i, text) for i, text in enumerate(self._heard())]}
        else:
            said: dict[str, Any] = {"text": self._content}
            if self._kind == "chat":
                said = {"message": {"role": "assistant", "content": self._content}}
            told |= {"id": self.id, "created": 1, "choices": [{"index": 0, "finish_reason": self._finish, **said}]}
            told["object"] = "chat.completion" if self._kind == "chat" else "text_completion"
        if usage != "none":
            told["usage"] = self._usage(self.output_tokens, usage)
        return msgspec.json.encode(told)

    def events(self, *, usage: str, chunks: int | None) -> list[tuple[bytes, int]]:
        """The stream's events with the output tokens each stands for."""
        pieces = [self._content[i : i + 8] for i in range(0, len(self._content), 8)]
        if chunks is not None:
            pieces = [f"w{i} " for i in range(chunks)]
        whole = tokens_of("".join(pieces))
        events: list[tuple[bytes, int]] = []
        told = 0
        for number, piece in enumerate(pieces, start=1):
            until = whole * number // len(pieces)  # the tokens of all pieces, spread over them
            events.append((self._event({"content": piece}, None), until - told))
            told = until
        events.append((self._event({}, self._finish), 0))
        if self._include_usage and usage != "none":
            last = {**self._chunk_head(), "choices": [], "usage": self._usage(whole, usage)}
            events.append((b"data: " + msgspec.json.encode(last) + b"\n\n", 0))
        return [*events, (b"data: [DONE]\n\n", 0)]

    def _chunk_head(self) -> dict[str, Any]:
        kind = "chat.completion.chunk" if self._kind == "chat" else "text_completion"
        return {"id": self.id, "object": kind, "created": 1, "model": self.model}

    def _event(self, delta: dict[str, str], finish: str | None) -> bytes:
        said: dict[str, Any] = {"delta": delta} if self._kind == "chat" else {"text": delta.get("content", "")}
        chunk = {**self._chunk_head(), "choices": [{"index": 0, **said, "finish_reason": finish}]}
        if self._include_usage:
            chunk["usage"] = None
        return b"data: " + msgspec.json.encode(chunk) + b"\n\n"

    def _usage(self, output_tokens: int, usage: str) -> dict[str, int]:
        heard, spoken = (0, 0) if usage == "zero" else (self.input_tokens, output_tokens)
        told = {"prompt_tokens": heard, "completion_tokens": spoken, "total_tokens": heard + spoken}
        if self._kind == "embeddings":
            del told["completion_tokens"]
        return told

    def _embedding(self, index: int, text: str) -> dict[str, Any]:
        size = self._asked.get("dimensions") or 4
        vector = [1.0 if place == len(text) % size else 0.0 for place in range(size)]
        written: Any = vector
        if self._asked.get("encoding_format") == "base64":
            written = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        return {"object": "embedding", "index": index, "embedding": written}


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def answer_to(path: str, body: bytes, *, number: int) -> Answer:
    """The good answer, or a refusal of what is no request."""
    try:
        asked = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        refusal = Answer(path, {}, number)
        refusal.status = 400
        return refusal
    return Answer(path, asked, number)
