"""Every wire into every other: what each pair makes of the same conversations, written down and looked at.

``tests/golden/pairs/<client>-<provider>.json`` has, by the name of a golden of one wire, what comes out in the other's
words: requests as the provider gets them (or the field that is refused, and what is sent where it may be dropped),
answers and streams as the client gets them.  ``SLUICE_WRITE_GOLDENS=1`` writes them anew: read the difference.
"""

import itertools
import json
import os
import re
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Request
from sluice_dataplane.dialects.flow import Translating
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import Shown, To
from sluice_dataplane.dialects.wires import BACKS, FRONTS, WIRES
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Endpoint
from sluice_dataplane.usage.meter import Meter
from support.wire_goldens import FOLDER, ask_of, body_of, cases, frames_of

PAIRS: Final = [(front, back) for front in FRONTS for back in BACKS if front != back]
PLAIN: Final = Request(stream=True)
SHOWN: Final = Shown(id="0123456789abcdef", model="pub", created_s=1_790_000_000)
# What is written down; everything else must only come through.
REQUESTS: Final[dict[str, tuple[str, ...]]] = {
    "chat": ("text", "tool-loop", "media", "format-schema", "sampling", "thoughts-signed", "tool-choice-named"),
    "messages": ("text", "tools", "media", "format", "thinking-budget", "thinking-adaptive", "agent", "system-later"),
    "responses": ("turns", "tool-loop", "media", "format-schema", "codex", "reasoning-summary", "limits"),
    "gemini": ("text", "tools", "media", "schemas", "thinking", "config"),
}
ANSWERS: Final[dict[str, tuple[str, ...]]] = {
    "chat": ("text", "tools", "reasoning-content", "refusal", "length", "citations"),
    "messages": ("text", "tools", "citations", "refusal", "stop-sequence"),
    "responses": ("text", "tools", "refusal", "incomplete"),
    "gemini": ("text", "tools", "thinking", "grounded", "blocked"),
    "converse": ("text", "tools", "citations", "stopped"),
}
STREAMS: Final[dict[str, tuple[str, ...]]] = {
    "chat": ("text", "tools", "reasoning-content", "error"),
    "messages": ("text", "tools", "citations", "error"),
    "responses": ("text", "tools", "refusal-and-citation", "failed"),
    "gemini": ("text", "tools", "thinking"),
    "converse": ("text", "tools", "throttled"),
}


def sent(front: Endpoint, back: Endpoint, body: bytes, *, drop: bool) -> tuple[Any, list[str]]:
    """What the provider gets for *body*, and what was left out."""
    request = FRONTS[front].read_request(body, ask_of(front, body))
    losses = Losses(allowed=drop, names=request.names)
    for field in request.beyond:
        losses.lose(field)
    capabilities = Capabilities(max_output_tokens=32_768)
    written = BACKS[back].write_request(
        request, To(model="up-model", losses=losses, usual_ceiling=4_096, capabilities=capabilities)
    )
    return msgspec.json.decode(written), losses.dropped


def asked(front: Endpoint, back: Endpoint, case: str) -> dict[str, Any]:
    """The golden of one request: what is sent, or which field is refused and what is sent without it."""
    body = body_of(front, case)
    try:
        return {"sent": sent(front, back, body, drop=False)[0]}
    except InvalidRequestError as refused:
        told = {"refused": refused.param, "told": refused.message}
    try:
        written, dropped = sent(front, back, body, drop=True)
    except InvalidRequestError as refused:
        return {**told, "never": refused.param}
    return {**told, "dropped": dropped, "sent": written}


def answered(front: Endpoint, back: Endpoint, body: bytes) -> Any:
    """What the client gets for a plain answer."""
    return msgspec.json.decode(FRONTS[front].write_answer(BACKS[back].read_answer(body), Request(), SHOWN))


def streamed(front: Endpoint, back: Endpoint, chunks: list[bytes]) -> tuple[bytes, bool]:
    """What the client gets for a stream that comes in *chunks*, and whether it was whole."""
    flow = Translating(WIRES[back], Meter(input_tokens=1), BACKS[back].reader(), FRONTS[front].writer(PLAIN, SHOWN))
    out = b"".join(flow.feed(chunk) for chunk in chunks)
    rest, whole = flow.finish()
    return out + rest, whole


def made(front: Endpoint, back: Endpoint) -> dict[str, Any]:
    """All that is written down of a pair."""
    return {
        "requests": {case: asked(front, back, f"request-{case}") for case in REQUESTS[front]},
        "answers": {case: answered(front, back, body_of(back, f"answer-{case}")) for case in ANSWERS[back]},
        "streams": {
            case: streamed(front, back, frames_of(back, f"stream-{case}"))[0].decode().split("\n\n")
            for case in STREAMS[back]
        },
    }


@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_each_pair_says_what_is_written_down(front: Endpoint, back: Endpoint) -> None:
    """Requests, answers and streams, in both directions."""
    path = FOLDER / "pairs" / f"{front}-{back}.json"
    found = made(front, back)
    if os.environ.get("SLUICE_WRITE_GOLDENS"):
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")

    assert json.loads(path.read_text()) == found


@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_every_request_is_sent_or_refused_by_a_field_it_has(front: Endpoint, back: Endpoint) -> None:
    """Of all goldens: what is refused names the client's own field, and where dropping helps, dropping is enough."""
    refused = [
        (case, refusal.param)
        for case in cases(front, "request")
        for drop in (False, True)
        if (refusal := refusal_of(front, back, body_of(front, case), drop=drop)) is not None
    ]

    assert [(case, param) for case, param in refused if not has(body_of(front, case), param)] == []


def refusal_of(front: Endpoint, back: Endpoint, body: bytes, *, drop: bool) -> InvalidRequestError | None:
    """Why *body* is not sent; None where it is."""
    try:
        sent(front, back, body, drop=drop)
    except InvalidRequestError as refused:
        return refused
    return None


def has(body: bytes, param: str | None) -> bool:
    """Whether *body* has the field *param*, in camel or in snake case."""
    names = {name.replace("_", "").lower() for name in re.findall(r'"(\w+)":', body.decode())}
    return param is not None and param.split("[")[0].split(".")[0].replace("_", "").lower() in names


@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_every_answer_and_stream_comes_through(front: Endpoint, back: Endpoint) -> None:
    """Of all goldens: what a provider says is told, or it is no answer; nothing else is ever raised."""
    for case in cases(back, "answer"):
        try:
            answered(front, back, body_of(back, case))
        except ValueError:
            assert '"error"' in body_of(back, case).decode() or case.endswith(("queued", "nothing", "failed")), case
    for case in cases(back, "stream"):
        out, whole = streamed(front, back, frames_of(back, case))
        assert whole == ends(front, out), case


def ends(front: Endpoint, out: bytes) -> bool:
    """Whether a client of *front* takes *out* for a whole answer."""
    marks = {
        "chat": b"data: [DONE]",
        "messages": b"event: message_stop",
        "responses": b"event: response.",
        "gemini": b'"finishReason"',
    }
    if front == "responses":
        return any(b"event: response." + end in out for end in (b"completed", b"incomplete"))
    return marks[front] in out


@pytest.mark.parametrize(("front", "back"), PAIRS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_however_a_stream_is_cut_the_client_gets_the_same(front: Endpoint, back: Endpoint, data: st.DataObject) -> None:
    """Any cut of any golden's bytes gives the bytes that its events give one by one."""
    case = data.draw(st.sampled_from(cases(back, "stream")))
    frames = frames_of(back, case)
    whole = b"".join(frames)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=12))
    marks = [0, *sorted(cuts), len(whole)]

    assert streamed(front, back, [whole[a:b] for a, b in itertools.pairwise(marks)]) == streamed(front, back, frames)
