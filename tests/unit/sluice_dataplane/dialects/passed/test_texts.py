"""Completions of a text: of two prompts the provider gets the one that was counted."""

import pytest

from sluice_dataplane.dialects.passed.texts import COMPLETIONS
from sluice_dataplane.dialects.seam import Edit
from support.builders import exchange


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (b'{"model":"m","prompt":["a","b"],"prompt":"a"}', b'{"model":"m","prompt":"a"}'),
        (b'{"model":"m","best_of":9,"best_of":1}', b'{"model":"m","best_of":1}'),
        (b'{"model":"m", "prompt":"a"}', b'{"model":"m", "prompt":"a"}'),
    ],
)
def test_each_choice_that_is_made_is_counted(body: bytes, sent: bytes) -> None:
    """Prompts and ``best_of`` make as many; a body in which they stand once is left as it is."""
    assert COMPLETIONS.request_body(body, COMPLETIONS.read_ask(exchange(body)), Edit("m")) == sent
