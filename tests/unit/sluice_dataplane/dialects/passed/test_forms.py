"""Forms: fields are found whatever files hold, and only the model's name changes."""

import contextlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.passed.forms import content_type_of, fields_of, text_of, with_model
from sluice_dataplane.errors import InvalidRequestError

FILE = b'\x00\r\n--not-the-boundary\r\nname="model"\xff'


def made(fields: dict[str, str], file: bytes = FILE) -> tuple[bytes, str]:
    """A form as httpx writes it, and its content type."""
    request = httpx.Request("POST", "http://x", data=fields, files={"file": ('a"b.mp3', file, "audio/mpeg")})
    return request.read(), request.headers["content-type"]


def test_fields_and_files_are_told_apart() -> None:
    """Names, sizes, and which is a file; the content of a file is never taken for a boundary."""
    body, content_type = made({"model": "m", "n": "2"})
    fields = fields_of(body, content_type)

    assert [(field.name, field.is_file) for field in fields] == [("model", False), ("n", False), ("file", True)]
    assert body[fields[2].start : fields[2].end] == FILE
    assert [text_of(body, fields, name) for name in ("model", "n", "x")] == ["m", "2", None]


def test_only_the_models_name_changes() -> None:
    """Every other byte is the client's; a form that names none gets one."""
    body, _ = made({"model": "m", "n": "2"})
    unnamed, _ = made({"n": "2"})
    changed, added = with_model(body, "up-model"), with_model(unnamed, "up-model")

    assert changed == body.replace(b"\r\n\r\nm\r\n", b"\r\n\r\nup-model\r\n")
    assert text_of(added, fields_of(added, content_type_of(added)), "model") == "up-model"
    assert added.endswith(unnamed)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"{}", "application/json"),
        (b"--x\r\n", "multipart/form-data"),
        (b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n', "multipart/form-data; boundary=x"),
        (b"--x\r\ncontent-disposition: form-data\r\n\r\n1\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\nno head\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"--x--", "multipart/form-data; boundary=xy"),
        (b"--x\r\n" * 100 + b"--x--", "multipart/form-data; boundary=x"),
    ],
)
def test_what_is_no_whole_form_is_a_400(body: bytes, content_type: str) -> None:
    """A form that is cut off, has no boundary, nameless parts or too many of them."""
    with pytest.raises(InvalidRequestError) as caught:
        fields_of(body, content_type)

    assert caught.value.code == "invalid_form"


PART = b"--x\r\ncontent-disposition: form-data; %s\r\n\r\n%s\r\n"


@pytest.mark.parametrize(
    "disposition",
    [
        *(
            b'name="x"; name="model"',
            b"name*=utf-8''model",
            b'name="mod\\el"',
            b'filename="a\\"; name=\\"model"; name="x"',
        ),
        *(
            b'x\r\n ; name="model"',
            b'name="x"\r\ncontent-disposition: form-data; name="model"',
            b'name="x"\nname="model"',
        ),
        *(b'name="model"\r\ncontent-transfer-encoding: base64', b'name=""', b'name="x"; name*=model'),
    ],
)
def test_a_part_that_two_readers_could_call_otherwise_is_a_400(disposition: bytes) -> None:
    """Else the provider could find a model's name where the gateway saw none."""
    with pytest.raises(InvalidRequestError):
        fields_of(PART % (disposition, b"dear") + b"--x--\r\n", "multipart/form-data; boundary=x")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--y\r\n" + PART % (b'name="n"', b"1") + b"--x--\r\n", "multipart/form-data; boundary=x"),
        (b"a" + PART % (b'name="n"', b"1") + b"--x--\r\n", "multipart/form-data; boundary=x"),
        (PART % (b'name="n"', b"1") + b"--x--\r\n", "multipart/form-data; boundary=x; boundary=y"),
        (b'--x\r\ncontent-disposition: form-data; name="n"\r\n\r\n--x--\r\n', "multipart/form-data; boundary=x"),
    ],
)
def test_a_form_that_two_readers_could_cut_otherwise_is_a_400(body: bytes, content_type: str) -> None:
    """Something before its first part, two boundaries, a part whose content may be the end of the form."""
    with pytest.raises(InvalidRequestError):
        fields_of(body, content_type)


@pytest.mark.parametrize("second", [b'name="model"', b'name="model"; filename="a"'])
def test_a_field_that_is_there_twice_is_a_400(second: bytes) -> None:
    """The provider may read the one that was not billed."""
    body = PART % (b'name="model"', b"m") + PART % (second, b"dear") + b"--x--\r\n"

    with pytest.raises(InvalidRequestError) as caught:
        text_of(body, fields_of(body, "multipart/form-data; boundary=x"), "model")

    assert caught.value.param == "model"


@pytest.mark.parametrize("value", [b"\xff\xfe", b"x" * 300_000])
def test_a_field_that_is_no_text_is_a_400(value: bytes) -> None:
    """What stands where a model's name should."""
    body = b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\n' + value + b"\r\n--x--\r\n"

    with pytest.raises(InvalidRequestError):
        text_of(body, fields_of(body, "multipart/form-data; boundary=x"), "model")


@given(st.lists(st.sampled_from([b"--x", b"\r\n", b"--", b'name="model"', b"content-disposition: form-data;", b"y"])))
def test_any_bytes_are_a_form_or_a_400(pieces: list[bytes]) -> None:
    """Nothing else is ever raised, and a form that is read can be written."""
    with contextlib.suppress(InvalidRequestError):
        body = b"".join(pieces)
        fields_of(body, "multipart/form-data; boundary=x")
        with_model(body, "m")
