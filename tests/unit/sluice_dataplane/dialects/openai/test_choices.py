"""OpenAI's wire: when the choices of a stream are over."""

import pytest

from sluice_dataplane.dialects.openai.choices import Choices


def test_it_is_over_when_each_that_began_is() -> None:
    """One of two that has said why it ended is not the end."""
    choices = Choices()

    assert not choices.over_with(b'{"choices":[{"delta":{}},{"index":1,"finish_reason":null}]}')
    assert not choices.over_with(b'{"choices":[{"index":0,"finish_reason":"stop"}]}')
    assert choices.over_with(b'{"choices":[{"index":1,"finish_reason":"length"}]}')


@pytest.mark.parametrize("data", [b"", b"[]", b'{"choices":{}}', b'{"choices":[{"index":"a"}]}', b'{"choices":null}'])
def test_what_makes_no_sense_ends_nothing_and_breaks_nothing(data: bytes) -> None:
    """It goes on as before."""
    choices = Choices()
    choices.over_with(b'{"choices":[{"delta":{}}]}')

    assert not choices.over_with(data)
