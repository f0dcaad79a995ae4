"""The provider table."""

from typing import get_args

import pytest
from genai_prices.data_snapshot import get_snapshot

from sluice_operator.compiler.providers import PROVIDER_TYPES
from sluice_operator.resources.provider import WITHOUT_DEFAULT_URL, ProviderType


def test_each_type_of_the_schema_has_a_row() -> None:
    """A type that a manifest may name is a type that we know how to call."""
    assert set(PROVIDER_TYPES) == set(get_args(ProviderType))


def test_a_default_url_is_there_where_the_schema_asks_for_none() -> None:
    """A manifest without baseURL always has somewhere to go."""
    without = {name for name, row in PROVIDER_TYPES.items() if row.base_url is None}

    assert without == {*WITHOUT_DEFAULT_URL, "Echo"}


@pytest.mark.parametrize("name", [name for name, row in PROVIDER_TYPES.items() if row.book is not None])
def test_the_price_book_knows_each_provider_we_look_up(name: str) -> None:
    """A book name is one that the book has: a typing error would make everything unpriced."""
    assert PROVIDER_TYPES[name].book in {provider.id for provider in get_snapshot().providers}


@pytest.mark.parametrize("name", [name for name, row in PROVIDER_TYPES.items() if row.base_url is not None])
def test_default_urls_take_a_path(name: str) -> None:
    """A path is appended to a default URL, which is https and ends without a slash."""
    url = PROVIDER_TYPES[name].base_url or ""

    assert url.startswith("https://")
    assert not url.endswith("/")
