"""What a chat request passes on unread."""

import msgspec
import pytest

from sluice_dataplane.dialects.chat.edge import unread_object
from sluice_dataplane.errors import InvalidRequestError


def test_object_that_is_passed_on_is_looked_at() -> None:
    """It is an object in UTF-8, or nothing."""
    assert unread_object(msgspec.Raw(b"null"), "a") is None
    assert unread_object(msgspec.Raw(b'{"a":1}'), "a") == msgspec.Raw(b'{"a":1}')
    for wrong in (b"7", b'{"\xff":1}'):
        with pytest.raises(InvalidRequestError):
            unread_object(msgspec.Raw(wrong), "a")
