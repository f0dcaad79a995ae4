"""Headers that an account may fix.  Addresses: test_provider.py."""

import pytest

from sluice_operator.resources.address import RESERVED_HEADERS


@pytest.mark.parametrize("name", ["authorization", "api-key", "x-api-key", "x-goog-api-key"])
def test_whatever_a_credential_may_be_sent_in_is_ours(name: str) -> None:
    """No row's credential can be overwritten by a fixed header, nor be written down where everybody reads it."""
    assert name in RESERVED_HEADERS
