"""The shapes of Gemini's answers."""

import pytest

from sluice_dataplane.dialects.gemini import answer_shapes as shapes


def test_null_is_as_good_as_nothing() -> None:
    """Vertex AI sends it for what is empty."""
    body = b'{"candidates":[{"content":{"parts":null},"finishReason":null,"index":null}],"promptFeedback":null}'

    assert shapes.response.decode(body).candidates == [shapes.Candidate(content=shapes.Content())]


def test_what_is_not_known_is_left_out() -> None:
    """New fields break nothing."""
    assert shapes.response.decode(b'{"new":1,"candidates":[{"newer":[]}]}').candidates == [shapes.Candidate()]


@pytest.mark.parametrize("body", [b'{"candidates":{}}', b'{"candidates":[{"content":"x"}]}', b'{"responseId":1}'])
def test_a_wrong_type_is_a_value_error(body: bytes) -> None:
    """As every reader of answers promises."""
    with pytest.raises(ValueError):
        shapes.response.decode(body)
