"""Names in another case: what is billed is what is served."""

import pytest

from sluice_dataplane.dialects.cases import check_case
from sluice_dataplane.errors import InvalidRequestError


@pytest.mark.parametrize("name", ["Model", "MODEL", "mOdel", "Max_Tokens", "\\u004dodel", "\u017ftream", "N"])
def test_a_second_spelling_is_refused_by_its_name(name: str) -> None:
    """However it is escaped, and in whichever letters Go's reader takes for the same."""
    with pytest.raises(InvalidRequestError) as caught:
        check_case(f'{{"model":"cheap","{name}":"dear"}}'.encode())

    assert caught.value.param is not None


@pytest.mark.parametrize("body", [b'{"model":"m","X-Vendor":1,"Options":{"Model":"x"}}', b"{}", b"[]", b"x", b"\xff"])
def test_what_is_not_owned_may_be_spelt_in_any_way(body: bytes) -> None:
    """Vendor fields pass; what is no object is for others to judge."""
    check_case(body)
