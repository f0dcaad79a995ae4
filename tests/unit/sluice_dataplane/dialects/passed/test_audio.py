"""Sound: what is asked, what it is billed by, and the most that it can come to."""

import json

import httpx
import msgspec
import pytest

from sluice_dataplane.dialects.passed.audio import SPEECH, TRANSCRIPTIONS
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Exchange, Route
from support.builders import exchange


def heard(sound: bytes = bytes(7_500), **fields: str) -> Exchange:
    """A call for a transcript."""
    request = httpx.Request("POST", "http://x", data=fields, files={"file": ("a.mp3", sound, "audio/mpeg")})
    route = Route(content_type=request.headers["content-type"])
    return msgspec.structs.replace(exchange(request.read(), endpoint="transcriptions"), route=route)


def test_speech_is_counted_in_characters() -> None:
    """Characters, not bytes; what is spoken is bounded by them."""
    ask = SPEECH.read_ask(exchange(json.dumps({"model": "m", "input": "ähm", "voice": "v"}).encode()))

    assert ask == Ask(model="m", stream=True, input_units=3, output_bound=12)


def test_speech_is_counted_in_what_is_spoken() -> None:
    """Of two texts the provider gets the one that was counted."""
    body = b'{"model":"m","input":"a long text","input":"a"}'

    assert SPEECH.request_body(body, SPEECH.read_ask(exchange(body)), Edit("m")) == b'{"model":"m","input":"a"}'


@pytest.mark.parametrize(
    ("body", "param"),
    [(b"{}", "model"), (b'{"model":"m","input":7}', "input"), (b"x", None), (b'{"model":1}', "model")],
)
def test_bad_speech_is_a_400_that_names_the_field(body: bytes, param: str | None) -> None:
    """Nothing is sent."""
    with pytest.raises(InvalidRequestError) as caught:
        SPEECH.read_ask(exchange(body))

    assert caught.value.param == param


def test_a_transcript_is_bounded_by_the_sound() -> None:
    """At the least bytes a second of sound has: ten seconds, ten tokens each."""
    call = heard(model="m", stream="true")

    assert TRANSCRIPTIONS.read_ask(call) == Ask(model="m", stream=True, output_bound=100)
    assert TRANSCRIPTIONS.parts_of(call.body).audio_bytes == 7_500
    assert b"\r\n\r\nup\r\n" in TRANSCRIPTIONS.request_body(call.body, Ask(model="m"), Edit("up"))


def test_a_transcript_names_its_model() -> None:
    """A form without one is refused."""
    with pytest.raises(InvalidRequestError) as caught:
        TRANSCRIPTIONS.read_ask(heard())

    assert caught.value.code == "missing_model"


def test_a_transcript_that_is_no_json_says_nothing_of_its_use() -> None:
    """Subtitles: the answer is billed by an estimate."""
    assert TRANSCRIPTIONS.read_usage(b"1\n00:00 hello\n") is None
    assert TRANSCRIPTIONS.read_usage(b'{"text":"x","usage":{"type":"duration","seconds":2}}') is not None


def test_speech_is_also_how_it_is_to_be_spoken() -> None:
    """Instructions are read and billed; at a quarter of the speed it is four times as long."""
    body = {"model": "m", "input": "abc", "instructions": "x" * 1_000, "speed": 0.25}
    ask = SPEECH.read_ask(exchange(json.dumps(body).encode()))

    assert (ask.input_units, ask.output_bound) == (1_003, 48)
    assert SPEECH.read_ask(exchange(json.dumps({**body, "speed": 0}).encode())).output_bound == 48
    assert SPEECH.read_ask(exchange(json.dumps({**body, "speed": 4}).encode())).output_bound == 12


def test_sound_needs_no_name_of_a_file() -> None:
    """It is counted by the name of its field, as some servers take it."""
    form = b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\n' + bytes(7_500) + b"\r\n--b--\r\n"

    assert TRANSCRIPTIONS.parts_of(form).audio_bytes == 7_500
