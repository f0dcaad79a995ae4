"""Echo behind the seam: answers at once, streams with a pace, and the same behaviour as a real upstream."""

from typing import Any

import msgspec
import pytest

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import UpstreamRequest
from sluice_dataplane.upstream.client import HttpUpstreams
from sluice_dataplane.upstream.echo import EchoAnswer, EchoUpstreams
from sluice_dataplane.upstream.router import RoutingUpstreams
from sluice_dataplane.upstream.seam import AttemptFailedError, Patience, UpstreamAnswer, Upstreams
from support.upstream import ScriptedUpstream

PATIENT = Patience(connect_ms=5_000, first_byte_ms=5_000, between_bytes_ms=5_000)
STREAM = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hello there"}]}'


async def _send(
    upstreams: Upstreams, upstream: Upstream, body: bytes, path: str = "/chat/completions"
) -> UpstreamAnswer:
    return await upstreams.send(upstream, UpstreamRequest("POST", path, (), body), credential=None, patience=PATIENT)


def _echo(**headers: str) -> Upstream:
    return Upstream(
        id="echo", type="Echo", provider_name="echo", headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


class _Sleeps:
    """Remembers how long it was asked to sleep."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked_s.append(seconds)


async def test_a_stream_comes_event_by_event() -> None:
    """Each chunk is one whole event, the last one [DONE]; read() gives the same bytes."""
    upstreams = EchoUpstreams()
    answer = await _send(upstreams, _echo(), STREAM)
    chunks = [chunk async for chunk in answer.chunks()]
    again = await _send(upstreams, _echo(), STREAM)
    whole = await again.read(10_000)

    assert (dict(answer.headers)["content-type"], chunks[-1]) == ("text/event-stream", b"data: [DONE]\n\n")
    assert all(chunk.endswith(b"\n\n") and chunk.count(b"\n") == 2 for chunk in chunks)
    assert whole == b"".join(chunks).replace(b"echo-1", b"echo-2")


async def test_a_refusal_is_an_answer() -> None:
    """In OpenAI's form, with its status; not an exception."""
    answer = await _send(EchoUpstreams(), _echo(), b"{")
    body = msgspec.json.decode(await answer.read(10_000))

    assert (answer.status, body["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(("said", "slept_s"), [("250", 0.25), ("999999", 5.0), ("0", None), (None, None)])
async def test_events_are_spaced_out_as_the_upstream_says(said: str | None, slept_s: float | None) -> None:
    """Between events, not before the first; at most five seconds."""
    sleeps = _Sleeps()
    upstream = _echo() if said is None else _echo(chunk_delay_ms=said)
    answer = await _send(EchoUpstreams(sleep=sleeps), upstream, STREAM)
    count = len([chunk async for chunk in answer.chunks()])

    assert sleeps.asked_s == ([] if slept_s is None else [slept_s] * (count - 1))


@pytest.mark.parametrize("said", ["", "-1", "1.5", "fast", "²"])
async def test_a_pace_that_is_no_number_is_refused(said: str) -> None:
    """An option that cannot be understood is never ignored."""
    with pytest.raises(AttemptFailedError) as caught:
        await _send(EchoUpstreams(), _echo(chunk_delay_ms=said), STREAM)

    assert (caught.value.cause, caught.value.sent) == ("Refused", False)


async def test_an_answer_over_the_limit_fails() -> None:
    """As the seam says."""
    answer = await _send(EchoUpstreams(), _echo(), STREAM)

    with pytest.raises(AttemptFailedError):
        await answer.read(10)


async def test_a_closed_answer_says_no_more() -> None:
    """close() ends the iteration."""
    answer = await _send(EchoUpstreams(), _echo(), STREAM)
    chunks = answer.chunks()
    await anext(chunks)
    answer.close()

    assert await anext(chunks, b"") == b""


async def test_answers_have_ids_and_times_of_their_own() -> None:
    """The id is the request id; the time comes from the clock that was given."""
    upstreams = EchoUpstreams(now_s=lambda: 1234)
    answers = [await _send(upstreams, _echo(), STREAM.replace(b"true", b"false")) for _ in range(2)]
    told = [msgspec.json.decode(await answer.read(10_000)) for answer in answers]

    assert [(each["id"], each["created"]) for each in told] == [("echo-1", 1234), ("echo-2", 1234)]
    assert [dict(answer.headers)["x-request-id"] for answer in answers] == ["echo-1", "echo-2"]


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": (
        "/chat/completions",
        {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hey you"}]},
    ),
    "cut": ("/chat/completions", {"messages": [{"role": "user", "content": "x" * 50}], "max_tokens": 3}),
    "completions": ("/completions", {"prompt": "hello"}),
    "embeddings": ("/embeddings", {"input": ["a", "bc"], "dimensions": 8}),
    "base64": ("/embeddings", {"input": "abc", "encoding_format": "base64", "dimensions": 8}),
}


@pytest.mark.parametrize("name", BODIES)
async def test_echo_answers_like_an_upstream_over_http(name: str, http: HttpUpstreams) -> None:
    """Through the router both say the same: content, finish reason, usage, and every field the other has."""
    path, asked = BODIES[name]
    body = msgspec.json.encode({"model": "m", **asked})
    async with ScriptedUpstream() as scripted:
        upstreams = RoutingUpstreams(http, EchoUpstreams())
        remote = Upstream(
            id="r", type="OpenAI", provider_name="x", base_url=scripted.base_url, allow_private_network=True
        )
        answers = [await _send(upstreams, upstream, body, path) for upstream in (_echo(), remote)]
        echoed, called = [msgspec.json.decode(await answer.read(100_000)) for answer in answers]
        for answer in answers:
            answer.close()

    assert (isinstance(answers[0], EchoAnswer), len(scripted.seen)) == (True, 1)
    assert set(called) <= set(echoed)
    assert (echoed["usage"], echoed["object"]) == (called["usage"], called["object"])
    assert [each.get("finish_reason") for each in echoed.get("choices", [])] == [
        each.get("finish_reason") for each in called.get("choices", [])
    ]
    assert [(each.get("message") or {}).get("content") for each in echoed.get("choices", [])] == [
        (each.get("message") or {}).get("content") for each in called.get("choices", [])
    ]


async def test_closing_the_router_closes_both() -> None:
    """Also when the first does not close."""
    closed: list[str] = []

    class _Closing(EchoUpstreams):
        async def close(self) -> None:
            closed.append(type(self).__name__)
            raise RuntimeError("cannot")

    with pytest.raises(RuntimeError):
        await RoutingUpstreams(_Closing(), _Closing()).close()
    assert len(closed) == 2
