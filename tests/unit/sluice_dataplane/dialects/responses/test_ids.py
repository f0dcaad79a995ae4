"""Ids of kept responses: who may use them, and where they lead."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.responses.ids import Kept, Mask, place_of, previous_of, unwrap, with_previous, wrap
from sluice_dataplane.dialects.sse import SseFramer

SECRET = b"0123456789abcdef"
PLACE = place_of("uid-1", "primary")
ID = "resp_68af4030baa48193b0b43b4c2a176a1a"


def ours(response_id: str = ID, key_id: str = "key-a") -> str:
    """What *key_id* gets for *response_id*."""
    return wrap(response_id, PLACE, key_id=key_id, secret=SECRET)


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
def test_an_id_leads_its_owner_back(response_id: str, key_id: str) -> None:
    """To the same provider's id, in the same place."""
    assert unwrap(ours(response_id, key_id), key_id=key_id, secret=SECRET) == Kept(response_id, PLACE)


def test_an_id_still_looks_like_one() -> None:
    """Clients check the prefix, and send it in a path."""
    assert ours().startswith("resp_")
    assert ours().endswith("_" + ID)
    assert len(ours()) == len("resp_") + 22 + 1 + len(ID)


@pytest.mark.parametrize(
    ("key_id", "secret"), [("key-b", SECRET), ("key-a", b"another"), ("key-", SECRET), ("key-ar", SECRET)]
)
def test_an_id_is_of_no_use_to_anybody_else(key_id: str, secret: bytes) -> None:
    """Another key may not read what this one has paid for."""
    assert unwrap(ours(), key_id=key_id, secret=secret) is None


def test_an_id_that_was_changed_in_any_place_is_none() -> None:
    """Neither another account nor another response can be had by it."""
    wrapped = ours()
    for at in range(len(wrapped)):
        changed = wrapped[:at] + ("A" if wrapped[at] != "A" else "B") + wrapped[at + 1 :]
        assert unwrap(changed, key_id="key-a", secret=SECRET) is None


@given(st.text())
def test_what_is_no_id_of_ours_is_none(text: str) -> None:
    """Whatever a client sends."""
    assert unwrap(text, key_id="key-a", secret=SECRET) is None
    assert unwrap("resp_" + text, key_id="key-a", secret=SECRET) is None


@pytest.mark.parametrize("wrapped", [ID, "resp_" + "A" * 22 + "_", "resp_" + "=" * 22 + "_x", "", "\ud800" * 40])
def test_a_providers_own_id_is_none_of_ours(wrapped: str) -> None:
    """Nobody can name another's response by what its provider calls it."""
    assert unwrap(wrapped, key_id="key-a", secret=SECRET) is None


def test_places_differ_by_model_and_target() -> None:
    """And do not run into one another."""
    assert len({place_of("a", "b"), place_of("a", "c"), place_of("ab", ""), place_of("", "ab"), PLACE}) == 5


def test_the_previous_id_of_a_request_is_read_and_put_back() -> None:
    """Other bytes stay as they are."""
    body = b'{"model":"m", "previous_response_id" : "%s","x":1.0}' % ours().encode()

    assert previous_of(body) == ours()
    assert with_previous(body, ID) == b'{"model":"m", "previous_response_id" : "%s","x":1.0}' % ID.encode()


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"previous_response_id":null}', b'{"previous_response_id":7}', b'{"previous_response_id":""}', b"no"],
)
def test_a_request_without_a_previous_id_stays_as_it_is(body: bytes) -> None:
    """Nothing to find, nothing to change."""
    assert previous_of(body) is None
    assert with_previous(body, ID) is body


def test_a_previous_id_is_found_however_it_is_spelt() -> None:
    """An escape is no way around the owner's check."""
    assert previous_of(b'{"previous_response_\\u0069d":"resp_\\u0078"}') == "resp_x"


def test_a_plain_answer_shows_our_ids() -> None:
    """Its own, and the one before that the request named."""
    body = json.dumps({"id": ID, "object": "response", "previous_response_id": "resp_0000000001", "text": f"not {ID}"})
    mask = Mask(ours, ("resp_0000000001", "resp_theirs"))

    shown = json.loads(mask.body(body.encode()))

    assert (shown["id"], shown["previous_response_id"], shown["text"]) == (ours(), "resp_theirs", f"not {ID}")


def test_every_event_of_a_stream_shows_the_same_id() -> None:
    """SDKs refuse a stream whose id changes."""
    response = {"id": ID, "object": "response"}
    events = [
        {"type": "response.created", "response": response},
        {"type": "response.output_text.delta", "delta": f'"{ID}"', "item_id": "msg_1"},
        {"type": "response.completed", "response": response},
    ]
    frames = SseFramer().feed(b"".join(b"event: x\ndata: %s\n\n" % json.dumps(each).encode() for each in events))
    mask = Mask(ours)

    shown = SseFramer().feed(b"".join(mask.event(frame) for frame in frames))

    read = [json.loads(frame.data or b"") for frame in shown]
    assert [each["response"]["id"] for each in (read[0], read[2])] == [ours(), ours()]
    assert read[1] == events[1]
    assert all(frame.raw.startswith(b"event: x\n") for frame in shown)


@pytest.mark.parametrize("response_id", ["", "completed", "gpt-5", "12345678901", "no-digits-in-this-one", 7, None])
def test_an_id_that_might_be_a_word_is_left_as_it_is(response_id: object) -> None:
    """Else other values of the answer would change with it."""
    body = json.dumps({"id": response_id, "object": "response", "status": "completed", "user": ""}).encode()

    assert Mask(ours).body(body) == body


@given(st.binary())
def test_no_answer_breaks_the_mask(data: bytes) -> None:
    """What is no response stays as it is."""
    assert Mask(ours).body(data) == data
    for frame in SseFramer().feed(b"data: " + data + b"\n\n"):
        Mask(ours).event(frame)
