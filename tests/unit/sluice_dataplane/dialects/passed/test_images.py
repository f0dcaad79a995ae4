"""Images: what is asked, and the most that it can come to."""

import json
from typing import Any

import httpx
import msgspec
import pytest

from sluice_dataplane.dialects.passed.images import IMAGE_EDITS, IMAGES, MOST_IMAGE_TOKENS
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Exchange, Route
from support.builders import exchange


def generation(**fields: Any) -> Exchange:
    """A call for images."""
    return exchange(json.dumps(fields).encode(), endpoint="images")


def edit(**fields: str) -> Exchange:
    """A call to change one."""
    request = httpx.Request("POST", "http://x", data=fields, files={"image": ("a.png", bytes(500), "image/png")})
    route = Route(content_type=request.headers["content-type"])
    return msgspec.structs.replace(exchange(request.read(), endpoint="image_edits"), route=route)


def test_both_forms_ask_alike() -> None:
    """As JSON and as a form: the model, how many, whether as a stream, for whom; each image has a bound."""
    expected = Ask(model="m", stream=True, choices=3, user="ann", output_bound=MOST_IMAGE_TOKENS)

    assert IMAGES.read_ask(generation(model="m", n=3, stream=True, user="ann")) == expected
    assert IMAGE_EDITS.read_ask(edit(model="m", n="3", stream="true", user="ann")) == expected
    assert IMAGES.read_ask(generation()).model == IMAGE_EDITS.read_ask(edit()).model == "dall-e-2"


@pytest.mark.parametrize("fields", [{"n": 0}, {"n": 11}, {"n": "two"}, {"model": 7}])
def test_what_cannot_be_is_a_400_that_names_the_field(fields: dict[str, Any]) -> None:
    """Before anything is held or sent."""
    with pytest.raises(InvalidRequestError) as caught:
        IMAGES.read_ask(generation(**fields))

    assert caught.value.param == next(iter(fields))


@pytest.mark.parametrize("number", ["two", "", "-1", "1.0", "²", "1" * 5_000])
def test_a_forms_number_must_be_one(number: str) -> None:
    """``n`` of a form is text; it must read as a number, and none of thousands of digits does."""
    with pytest.raises(InvalidRequestError) as caught:
        IMAGE_EDITS.read_ask(edit(n=number))

    assert caught.value.param == "n"


def test_a_given_image_is_an_image() -> None:
    """Its bytes are no text, and it counts as one."""
    parts = IMAGE_EDITS.parts_of(edit(model="m").body)

    assert (parts.images, parts.media_bytes) == (1, 500)


def test_only_the_model_changes_in_what_is_sent() -> None:
    """No stream options, no ceiling: this API has neither."""
    call = generation(model="m", prompt="x", stream=True)
    sent = json.loads(IMAGES.request_body(call.body, IMAGES.read_ask(call), Edit("up", 5)))

    assert sent == {"model": "up", "prompt": "x", "stream": True}


def test_a_picture_needs_no_name_of_a_file() -> None:
    """Some servers take it by the name of its field, as a URL or as it is."""
    part = b'--b\r\ncontent-disposition: form-data; name="image[]"\r\n\r\nhttps://x/a.png\r\n'

    assert IMAGE_EDITS.parts_of(part * 3 + b"--b--\r\n").images == 3
