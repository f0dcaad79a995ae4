"""The built-in price book."""

import subprocess
import sys

import pytest

from sluice_operator.compiler.pricebook import book_price
from unit.sluice_operator.compiler.world import NOW_MS

DAY_MS = 86_400_000


def test_a_plain_price_is_exact() -> None:
    """Dollars per million become nano-USD per million, digit for digit."""
    price = book_price("openai", "gpt-4o-mini", now_ms=NOW_MS)

    assert price is not None
    assert (price.input_nusd_per_mtok, price.cached_input_nusd_per_mtok, price.output_nusd_per_mtok) == (
        150_000_000,
        75_000_000,
        600_000_000,
    )


def test_a_tiered_price_is_its_dearest_tier() -> None:
    """A price that jumps for long requests is never undercharged: the dearest tier holds for all."""
    price = book_price("google", "gemini-2.5-pro", now_ms=NOW_MS)

    assert price is not None
    assert (price.input_nusd_per_mtok, price.output_nusd_per_mtok) == (2_500_000_000, 15_000_000_000)


def test_a_price_by_the_hour_is_the_dearest_of_the_day() -> None:
    """Where night is cheaper, day's price holds all day."""
    prices = {book_price("deepseek", "deepseek-chat", now_ms=NOW_MS + hour * 3_600_000) for hour in range(24)}

    assert [price.input_nusd_per_mtok for price in prices if price] == [270_000_000]


def test_cache_writes_cost_the_dearest_kind() -> None:
    """Of caches kept for minutes and for an hour the dearer price holds: usage does not tell them apart."""
    price = book_price("anthropic", "claude-opus-4-5", now_ms=NOW_MS)

    assert price is not None
    assert price.cache_write_nusd_per_mtok == 10_000_000_000


def test_a_cache_that_is_not_sold_costs_as_plain_input() -> None:
    """Tokens reported as cached where the book knows no cache price are not free."""
    price = book_price("openai", "text-embedding-3-small", now_ms=NOW_MS)

    assert price is not None
    assert price.cached_input_nusd_per_mtok == price.cache_write_nusd_per_mtok == 20_000_000


def test_a_price_per_request_counts() -> None:
    """What is charged for the call itself is per call, not per thousand."""
    price = book_price("perplexity", "sonar", now_ms=NOW_MS)

    assert price is not None
    assert price.request_nusd == 12_000_000


def test_an_announced_price_takes_its_day() -> None:
    """Before its day the old price holds and the change is announced; on the day the new one does."""
    before = book_price("google", "gemini-3.6-flash", now_ms=NOW_MS)
    assert before is not None
    assert before.next_change_ms is not None
    day_before = book_price("google", "gemini-3.6-flash", now_ms=before.next_change_ms - 1)
    on_the_day = book_price("google", "gemini-3.6-flash", now_ms=before.next_change_ms)

    assert before == day_before
    assert on_the_day is not None
    assert on_the_day != before
    assert on_the_day.next_change_ms is None


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "no-such-model"), ("no-such-provider", "gpt-4o"), ("openai", "whisper-1"), ("openai", "")],
)
def test_what_is_not_sold_by_the_token_has_no_price(provider: str, model: str) -> None:
    """Unknown models, unknown providers, and what is sold by the minute: no price, which is never free."""
    assert book_price(provider, model, now_ms=NOW_MS) is None


def test_a_failing_book_has_no_price() -> None:
    """Whatever goes wrong inside the library is "no price", never a crash of the compiler."""
    assert book_price("openai", "gpt-4o-mini", now_ms=10**20) is None


def test_the_book_is_not_loaded_before_it_is_asked() -> None:
    """An install with prices of its own never pays for the book's memory."""
    code = "import sys, sluice_operator.compiler as c; sys.exit('genai_prices' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_output_without_a_price_costs_as_input() -> None:
    """An old completion model has one price for all tokens: its output is not free."""
    price = book_price("azure", "davinci", now_ms=NOW_MS)

    assert price is not None
    assert price.output_nusd_per_mtok == price.input_nusd_per_mtok == 2_000_000_000
