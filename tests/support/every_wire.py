"""A provider that speaks every wire as the real ones do: a real HTTP server on a port of this machine, for tests.

::

    async with EveryWire() as upstream:
        upstream.url("messages")    # a base URL where nothing but Anthropic's API is spoken; "all" speaks all
        upstream.key                # what it wants as a credential, where that wire has it
        ...                         # what it says: support/wires/script.py
        upstream.seen[-1].json(), upstream.bills[-1].used

It is strict: a field that an API does not have, a tool's result without its call, roles out of order, another's
signature are refused in that API's own form.  In a process of its own: ``python -m support.every_wire --port N``.
"""

import argparse
import asyncio
import email
import re
from collections import deque
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from aiohttp import web

from support.wires import others
from support.wires.chat import Chat
from support.wires.converse import Converse
from support.wires.gemini import Gemini
from support.wires.messages import Messages
from support.wires.responses import Responses
from support.wires.routes import SCOPES, WIRE_OF, route_of
from support.wires.script import FailureAskedError, input_tokens, reply_to
from support.wires.values import Failure, Heard, RefusedError, Speaker, Used

MAX_SEEN: Final = 100_000
MODELS: Final = ("every-small", "every-large")
_BODY_BYTES: Final = 64 * 1024 * 1024
_SIMPLE: Final = {
    "completions": others.completions,
    "embeddings": others.embeddings,
    "moderations": others.moderations,
    "images": others.images,
    "speech": others.speech,
    "rerank": others.rerank,
}


class Seen(msgspec.Struct, frozen=True):
    """One request as it came.  Header names are in lower case; of two with one name the last counts."""

    scope: str
    endpoint: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


class Billed(msgspec.Struct, frozen=True):
    """One answer's usage; ``told`` False: its stream broke before, or its form has no place for figures."""

    endpoint: str
    model: str
    used: Used
    told: bool = True


class _Call(msgspec.Struct):
    """One request on its way through."""

    request: web.Request
    endpoint: str
    found: re.Match[str]
    headers: dict[str, str]
    body: bytes


class EveryWire:
    """The server; an async context manager."""

    def __init__(self, port: int = 0, *, host: str = "127.0.0.1", key: str = "up-secret") -> None:
        self.host, self.port = host, port
        self.key = key
        self.retiring: set[str] = set()  # credentials that are taken besides ``key``
        self.seen: deque[Seen] = deque(maxlen=MAX_SEEN)
        self.bills: deque[Billed] = deque(maxlen=MAX_SEEN)
        self.responses = Responses()
        self.messages, self.gemini = Messages(), Gemini()
        self._speakers: dict[str, Speaker] = {
            each.wire: each for each in (Chat(), self.responses, self.messages, self.gemini, Converse())
        }
        self._count = 0
        app = web.Application(client_max_size=_BODY_BYTES)
        app.router.add_route("*", "/{scope}/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)

    def url(self, scope: str, version: str = "") -> str:
        """A base URL; *scope* is a wire's name or ``all``, *version* what comes before its paths, as ``/v1``."""
        assert scope in SCOPES
        return f"http://{self.host}:{self.port}/{scope}{version}"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        scope, tail = request.match_info["scope"], request.raw_path.partition("?")[0].split("/", 2)[2]
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        endpoint, found = route_of(tail)
        self.seen.append(
            Seen(scope, endpoint, request.method, request.path, request.query_string, headers, body),
        )
        speaker = self._speakers.get(WIRE_OF.get(endpoint, endpoint), self._speaker_for(scope))
        if found is None or endpoint not in SCOPES.get(scope, ()):
            return _answer(*speaker.error(Failure(404, f"no such route here: {tail}")), status=404)
        if not self._admits(endpoint, scope, request, headers):
            return _answer(*speaker.error(Failure(401, "invalid credential")), status=401)
        try:
            return await self._answer(_Call(request, endpoint, found, headers, body), speaker)
        except (RefusedError, FailureAskedError) as refused:
            failure = refused.failure
            return _answer(*speaker.error(failure), status=failure.status)

    def _speaker_for(self, scope: str) -> Speaker:
        return self._speakers.get(scope, self._speakers["chat"])

    def _admits(self, endpoint: str, scope: str, request: web.Request, headers: dict[str, str]) -> bool:
        """Whether the credential is right, and where this API wants it."""
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        wire = WIRE_OF.get(endpoint, endpoint)
        if wire == "converse" and bearer.startswith("AWS4-HMAC-SHA256 "):
            return True  # signatures are proven elsewhere, against botocore
        given = {bearer}
        if wire == "messages" or scope == "messages":
            given.add(headers.get("x-api-key", ""))
        elif wire == "gemini" or scope == "gemini":
            given |= {headers.get("x-goog-api-key", ""), request.query.get("key", "")}
        elif wire != "converse":
            given.add(headers.get("api-key", ""))  # Azure's
        return bool({self.key, *self.retiring} & given)

    async def _answer(self, call: _Call, speaker: Speaker) -> web.StreamResponse:
        named = call.found.groupdict()
        match call.endpoint:
            case "models":
                return _answer({"content-type": "application/json", "etag": '"1"'}, _models(speaker.wire))
            case "response":
                return self._kept(call.request.method, named["id"])
            case "count_tokens" | "responses_tokens" | "gemini_count":
                return web.json_response(self._counted(call, named.get("model", "")))
            case "gemini_embeddings":
                return _answer({"content-type": "application/json"}, self.gemini.embed(call.body))
            case "image_edits" | "image_variations" | "transcriptions" | "translations":
                return await self._told(call, _form(call))
            case endpoint if endpoint in _SIMPLE:
                return await self._told(call, _SIMPLE[endpoint](call.body))
        heard = speaker.hear(call.body, named.get("model", ""), call.headers)
        if call.endpoint in ("gemini", "converse"):
            heard.stream = "tream" in named["verb"]
            heard.asked = call.request.query.get("alt") == "sse"
        return await self._converse(call, heard, speaker)

    def _counted(self, call: _Call, model: str) -> dict[str, Any]:
        if call.endpoint == "count_tokens":
            return {"input_tokens": input_tokens(self.messages.count(call.body, call.headers))}
        if call.endpoint == "gemini_count":
            return {"totalTokens": input_tokens(self.gemini.count(call.body, model))}
        heard = self.responses.hear(call.body, "", call.headers)
        return {"object": "response.input_tokens", "input_tokens": input_tokens(heard)}

    def _kept(self, method: str, number: str) -> web.Response:
        kept = self.responses.kept
        if number not in kept:
            headers, body = self.responses.error(Failure(404, f"Response with id '{number}' not found."))
            return _answer(headers, body, status=404)
        if method == "DELETE":
            del kept[number]
            return web.json_response({"id": number, "object": "response", "deleted": True})
        return web.json_response(kept[number])

    async def _converse(self, call: _Call, heard: Heard, speaker: Speaker) -> web.StreamResponse:
        if heard.model.startswith("no-such"):
            return _answer(*speaker.error(Failure(404, f"model: {heard.model}")), status=404)
        reply = reply_to(heard, self._next())
        headers = {"x-request-id": f"up-{reply.id}", "request-id": f"up-{reply.id}"}
        if not heard.stream:
            body = speaker.answer(heard, reply)
            self.bills.append(Billed(call.endpoint, heard.model, reply.used))
            return _answer({"content-type": "application/json", **headers}, body)
        kind = speaker.content_type
        if speaker is self.gemini and not heard.asked:
            kind = "application/json; charset=UTF-8"
        events = speaker.events(heard, reply)
        # On the bill before it is sent: whoever has the whole stream finds it there.
        self.bills.append(Billed(call.endpoint, heard.model, reply.used, told=not reply.breaks))
        return await _stream(call.request, {"content-type": kind, **headers}, events)

    def _next(self) -> int:
        self._count += 1
        return self._count

    async def _told(self, call: _Call, told: others.Told) -> web.StreamResponse:
        if told.model.startswith("no-such"):
            return _answer(*self._speakers["chat"].error(Failure(404, f"model: {told.model}")), status=404)
        self.bills.append(Billed(call.endpoint, told.model, told.used, told.figures))
        if told.events is not None:
            return await _stream(call.request, {"content-type": told.content_type}, told.events)
        return _answer({"content-type": told.content_type}, told.body)


async def _stream(request: web.Request, headers: dict[str, str], events: list[bytes]) -> web.StreamResponse:
    answer = web.StreamResponse(headers={**headers, "cache-control": "no-cache"})
    await answer.prepare(request)
    for event in events:
        await answer.write(event)
    await answer.write_eof()
    return answer


def _form(call: _Call) -> others.Told:
    """The answer to what comes as a form."""
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    head = f"content-type: {call.headers.get('content-type', '')}\r\n\r\n".encode()
    for part in email.message_from_bytes(head + call.body).walk():
        name = str(part.get_param("name", "", header="content-disposition"))
        content = part.get_payload(decode=True)
        if isinstance(content, bytes) and part.get_filename() is not None:
            files[name] = content
        elif isinstance(content, bytes):
            fields[name] = content.decode()
    wanted = "file" if call.endpoint in ("transcriptions", "translations") else "image"
    file = files.get(wanted, files.get(f"{wanted}[]"))
    if file is None:
        raise RefusedError(f"Missing required parameter: '{wanted}'.", param=wanted)
    if "model" not in fields and wanted == "file":
        raise RefusedError("you must provide a model parameter", param="model")
    if wanted == "image":
        return others.pictures(fields.get("model", "dall-e-2"), fields.get("prompt", ""), int(fields.get("n", "1")))
    return others.transcription(fields["model"], file, fields)


def _models(wire: str) -> bytes:
    if wire == "messages":
        data = [
            {
                "type": "model",
                "id": name,
                "display_name": name,
                "created_at": "2026-01-01T00:00:00Z",
                "lifecycle": "active",
            }
            for name in MODELS
        ]
        return msgspec.json.encode({"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})
    if wire == "gemini":
        kinds = ["generateContent", "countTokens"]
        models = [{"name": f"models/{name}", "supportedGenerationMethods": kinds} for name in MODELS]
        return msgspec.json.encode({"models": models})
    entries = [{"id": name, "object": "model", "created": 1_750_000_000, "owned_by": "every"} for name in MODELS]
    return msgspec.json.encode({"object": "list", "data": entries})


def _answer(headers: dict[str, str], body: bytes, *, status: int = 200) -> web.Response:
    return web.Response(status=status, headers=headers, body=body)


async def _main(port: int) -> None:
    async with EveryWire(port) as upstream:
        print(f"ready {upstream.url('all')}", flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(_main(parser.parse_args().port))
