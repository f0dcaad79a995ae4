"""The provider table as people read it."""

from pathlib import Path

import pytest

from sluice_operator.providers.reference import main, table, written
from sluice_operator.providers.table import PROVIDERS

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "providers.md"


def test_the_page_says_what_the_table_says() -> None:
    """A row that changed is a page that changed: ``make reference`` writes it."""
    page = PAGE.read_text()

    assert written(page) == page


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_type_is_on_the_page(name: str) -> None:
    """Whoever looks for a provider finds it."""
    assert f"| `{name}` |" in table()


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written over that was not written by this."""
    page = tmp_path / "page.md"
    page.write_text("by hand")

    with pytest.raises(ValueError, match="no marks"):
        main([str(page)])
    assert page.read_text() == "by hand"
