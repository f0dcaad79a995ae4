"""What providers send: the places where they differ."""

import msgspec
import pytest

from sluice_dataplane.dialects.chat.shapes import Function, arguments_of, signature_of


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"", ""), (b"null", ""), (b'"{\\"a\\":1}"', '{"a":1}'), (b'{"a":1}', '{"a":1}')],
)
def test_arguments_are_text(raw: bytes, text: str) -> None:
    """Arguments are JSON text, whether they came as text or as the object itself."""
    assert arguments_of(Function(arguments=msgspec.Raw(raw))) == text


def test_arguments_that_are_no_text_are_an_error() -> None:
    """Broken UTF-8 is told, not passed on."""
    with pytest.raises(ValueError):
        arguments_of(Function(arguments=msgspec.Raw(b'"\xff"')))


@pytest.mark.parametrize(
    ("extra", "signature"),
    [
        (b'{"google":{"thought_signature":"c2ln"}}', "c2ln"),
        (b'{"google":{}}', ""),
        (b'{"google":7}', ""),
        (b"null", ""),
        (b"", ""),
    ],
)
def test_signature_of_a_call(extra: bytes, signature: str) -> None:
    """Gemini's signature is found, and anything else in its place is passed over."""
    assert signature_of(msgspec.Raw(extra)) == signature
