"""What Echo says, and that its figures follow its one rule."""

import base64
import math
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.sse import SseFramer
from sluice_dataplane.upstream.echo_answers import MAX_EVENTS, EchoInvalidError, Reply, reply_to, tokens_of

CHAT, COMPLETIONS, EMBEDDINGS = "/chat/completions", "/completions", "/embeddings"


def _reply(path: str, asked: object) -> Reply:
    return reply_to(path, msgspec.json.encode(asked), answer_id="id-1", created_s=7)


def _plain(path: str, **asked: object) -> Any:
    reply = _reply(path, {"model": "m", **asked})
    assert (reply.status, reply.streamed, len(reply.parts)) == (200, False, 1)
    return msgspec.json.decode(reply.parts[0])


def _user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def _streamed(path: str, **asked: object) -> list[Any]:
    """The events of a stream, which must end with [DONE]."""
    reply = _reply(path, {"model": "m", "stream": True, **asked})
    framer = SseFramer()
    data = [frame.data for part in reply.parts for frame in framer.feed(part)]
    assert (reply.streamed, framer.finish(), data[-1]) == (True, [], b"[DONE]")
    return [msgspec.json.decode(each or b"") for each in data[:-1]]


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("ö", 1), ("ööö", 2)])
def test_a_token_is_four_bytes(text: str, tokens: int) -> None:
    """UTF-8 bytes, and a started token counts."""
    assert tokens_of(text) == tokens


def test_chat_says_the_last_user_message_again() -> None:
    """With usage for all that was said, and in OpenAI's form."""
    messages = [
        {"role": "system", "content": "be nice"},
        *_user("first"),
        {"role": "assistant", "content": None},
        {
            "role": "user",
            "content": [{"type": "text", "text": "sec"}, {"type": "image_url"}, {"type": "text", "text": "ond"}],
        },
    ]

    assert _plain(CHAT, messages=messages) == {
        "id": "id-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "second", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 6, "completion_tokens": 2, "total_tokens": 8},
    }


@pytest.mark.parametrize("prompt", ["hello", ["x", "hello"]])
def test_completions_say_the_prompt_again(prompt: object) -> None:
    """Of several the last."""
    told = _plain(COMPLETIONS, prompt=prompt)

    assert (told["object"], told["choices"][0]["text"]) == ("text_completion", "hello")


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@given(text=st.text(max_size=40), ceiling=st.integers(0, 12))
def test_the_ceiling_is_kept(name: str, text: str, ceiling: int) -> None:
    """Never more tokens than asked for; "length" exactly when something was cut; what is said begins the text."""
    told = _plain(CHAT, messages=_user(text), **{name: ceiling})
    choice, spoken = told["choices"][0], told["usage"]["completion_tokens"]
    content = choice["message"]["content"]

    assert (spoken <= ceiling, spoken == tokens_of(content), text.startswith(content)) == (True, True, True)
    assert (choice["finish_reason"] == "length") == (content != text)


def test_each_choice_is_paid_for() -> None:
    """Three choices of two tokens are six."""
    told = _plain(CHAT, messages=_user("abcdefgh"), n=3)

    assert ([choice["index"] for choice in told["choices"]], told["usage"]["completion_tokens"]) == ([0, 1, 2], 6)


@given(text=st.text(max_size=600), choices=st.integers(1, 3))
def test_a_stream_says_what_a_plain_answer_says(text: str, choices: int) -> None:
    """The pieces joined are the content, each choice ends once, and the usage is the same."""
    plain = _plain(CHAT, messages=_user(text), n=choices)
    events = _streamed(CHAT, messages=_user(text), n=choices, stream_options={"include_usage": True})
    for index in range(choices):
        said = [choice for event in events for choice in event["choices"] if choice["index"] == index]
        content = "".join(choice["delta"].get("content", "") for choice in said)
        ends = [choice["finish_reason"] for choice in said if choice["finish_reason"]]

        assert (content, ends) == (text, ["stop"])
    assert (events[-1]["choices"], events[-1]["usage"]) == ([], plain["usage"])
    assert all(event["usage"] is None for event in events[:-1])


def test_a_stream_tells_no_usage_unless_asked() -> None:
    """As OpenAI: no field, no chunk."""
    assert all("usage" not in event for event in _streamed(CHAT, messages=_user("hello there")))


def test_a_stream_of_completions_has_texts() -> None:
    """The older form of a chunk."""
    events = _streamed(COMPLETIONS, prompt="hello there")

    assert "".join(event["choices"][0]["text"] for event in events) == "hello there"
    assert {event["object"] for event in events} == {"text_completion"}


def test_a_stream_comes_in_several_pieces_but_not_in_many() -> None:
    """A dozen characters are more than one event; a megabyte is not a million."""
    few, many = (len(_streamed(CHAT, messages=_user(text))) for text in ("twelve chars", "x" * 1_000_000))

    assert (few, many) == (3 + 2, MAX_EVENTS + 2)


@given(st.text(max_size=50), st.integers(1, 64))
def test_an_embedding_is_a_unit_vector_of_its_text(text: str, dimensions: int) -> None:
    """As long as asked, of length one, and the same each time."""
    told = [_plain(EMBEDDINGS, input=text, dimensions=dimensions)["data"][0]["embedding"] for _ in range(2)]

    assert len(told[0]) == dimensions
    assert math.isclose(sum(x * x for x in told[0]), 1.0, abs_tol=1e-5)
    assert told[0] == told[1]


def test_embeddings_of_different_texts_differ() -> None:
    """In the order given, numbered."""
    data = _plain(EMBEDDINGS, input=["a", "b", "a"])["data"]

    assert [each["index"] for each in data] == [0, 1, 2]
    assert data[0]["embedding"] == data[2]["embedding"] != data[1]["embedding"]


def test_base64_holds_the_same_numbers() -> None:
    """Little-endian 32-bit floats, as the SDKs read them."""
    floats = _plain(EMBEDDINGS, input="a")["data"][0]["embedding"]
    packed = base64.b64decode(_plain(EMBEDDINGS, input="a", encoding_format="base64")["data"][0]["embedding"])

    assert list(struct.unpack("<8f", packed)) == floats


@pytest.mark.parametrize(
    ("given_", "inputs", "tokens"),
    [("abcde", 1, 2), (["abcd", "e"], 2, 2), ([1, 2, 3], 1, 3), ([[1, 2], [3]], 2, 3)],
)
def test_embeddings_count_their_input(given_: object, inputs: int, tokens: int) -> None:
    """Texts by the rule, tokens by number."""
    told = _plain(EMBEDDINGS, input=given_)

    assert (len(told["data"]), told["usage"]) == (inputs, {"prompt_tokens": tokens, "total_tokens": tokens})


@pytest.mark.parametrize(
    ("path", "body", "param", "status"),
    [
        (CHAT, b"{", None, 400),
        (CHAT, b"[]", None, 400),
        (CHAT, b'{"messages":[]}', "messages", 400),
        (CHAT, b'{"messages":[{"role":"user","content":5}]}', None, 400),
        (CHAT, b'{"messages":[{"role":"user","content":"x"}],"n":0}', "n", 400),
        (CHAT, b'{"messages":[{"role":"user","content":"x"}],"n":129}', "n", 400),
        (CHAT, b'{"messages":[{"role":"user","content":"x"}],"max_tokens":-1}', "max_tokens", 400),
        (EMBEDDINGS, b'{"input":"x","dimensions":0}', "dimensions", 400),
        (EMBEDDINGS, b'{"input":"x","dimensions":99999}', "dimensions", 400),
        (EMBEDDINGS, b'{"input":"x","encoding_format":"hex"}', "encoding_format", 400),
        (EMBEDDINGS, b'{"input":[]}', "input", 400),
        (EMBEDDINGS, b'{"input":"\xff"}', None, 400),
        ("/rerank", b"{}", None, 404),
    ],
)
def test_what_openai_would_refuse_is_refused(path: str, body: bytes, param: str | None, status: int) -> None:
    """With the field that is wrong, and nothing of the text."""
    with pytest.raises(EchoInvalidError) as caught:
        reply_to(path, body, answer_id="i", created_s=0)

    assert (caught.value.param, caught.value.status) == (param, status)
