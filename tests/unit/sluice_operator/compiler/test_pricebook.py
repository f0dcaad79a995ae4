"""The built-in price book."""

import subprocess
import sys

import pytest

from sluice_contract.snapshot import Rates
from sluice_operator.compiler.pricebook import book_price
from unit.sluice_operator.compiler.world import NOW_MS

DAY_MS = 86_400_000


def test_a_plain_price_is_exact() -> None:
    """Dollars per million become nano-USD per million, digit for digit."""
    price = book_price("openai", "gpt-4o-mini", now_ms=NOW_MS)

    assert price is not None
    assert price.rates == Rates(
        input_nusd_per_mtok=150_000_000,
        cached_input_nusd_per_mtok=75_000_000,
        cache_write_nusd_per_mtok=150_000_000,
        output_nusd_per_mtok=600_000_000,
    )
    assert price.tiers == ()


def test_a_tiered_price_has_its_tiers() -> None:
    """A price that jumps for long calls is what it is for short ones, and what it is for long ones."""
    price = book_price("google", "gemini-2.5-pro", now_ms=NOW_MS)

    assert price is not None
    assert (price.rates.input_nusd_per_mtok, price.rates.output_nusd_per_mtok) == (1_250_000_000, 10_000_000_000)
    (tier,) = price.tiers
    assert tier.over_input_tokens == 200_000
    assert (tier.rates.input_nusd_per_mtok, tier.rates.cached_input_nusd_per_mtok, tier.rates.output_nusd_per_mtok) == (
        2_500_000_000, 250_000_000, 15_000_000_000,
    )  # fmt: skip


def test_a_price_without_tiers_stays_in_the_tiers_of_others() -> None:
    """Where only some kinds of token jump, the others cost what they did."""
    price = book_price("openrouter", "x-ai/grok-4-fast", now_ms=NOW_MS)

    assert price is not None
    assert price.rates.cached_input_nusd_per_mtok == 50_000_000
    assert [tier.rates.cached_input_nusd_per_mtok for tier in price.tiers] == [50_000_000]
    assert [tier.rates.input_nusd_per_mtok for tier in price.tiers] == [400_000_000]


def test_audio_and_images_have_prices_of_their_own() -> None:
    """A voice's tokens cost what a voice's tokens cost; where kinds are not told apart, the dearest counts."""
    price = book_price("openai", "gpt-realtime", now_ms=NOW_MS)

    assert price is not None
    assert price.rates == Rates(
        input_nusd_per_mtok=4_000_000_000,
        cached_input_nusd_per_mtok=500_000_000,  # text for 0.40, images for 0.50
        cache_write_nusd_per_mtok=4_000_000_000,
        output_nusd_per_mtok=16_000_000_000,
        audio_input_nusd_per_mtok=32_000_000_000,
        cached_audio_nusd_per_mtok=400_000_000,
        image_input_nusd_per_mtok=5_000_000_000,
        audio_output_nusd_per_mtok=64_000_000_000,
    )


def test_reasoning_may_have_a_price_of_its_own() -> None:
    """Output that nobody sees is billed as the provider sells it."""
    price = book_price("perplexity", "sonar-deep-research", now_ms=NOW_MS)

    assert price is not None
    assert (price.rates.output_nusd_per_mtok, price.rates.reasoning_nusd_per_mtok) == (8_000_000_000, 3_000_000_000)


def test_a_price_by_the_hour_is_the_dearest_of_the_day() -> None:
    """Where night is cheaper, day's price holds all day."""
    prices = [book_price("deepseek", "deepseek-chat", now_ms=NOW_MS + hour * 3_600_000) for hour in range(24)]

    assert {price.rates.input_nusd_per_mtok for price in prices if price} == {270_000_000}


def test_a_cache_kept_for_an_hour_has_its_own_price() -> None:
    """Caches kept for minutes and for an hour are sold apart."""
    price = book_price("anthropic", "claude-opus-4-5", now_ms=NOW_MS)

    assert price is not None
    assert (price.rates.cache_write_nusd_per_mtok, price.rates.cache_write_1h_nusd_per_mtok) == (
        6_250_000_000, 10_000_000_000,
    )  # fmt: skip


def test_a_cache_that_is_not_sold_costs_as_plain_input() -> None:
    """Tokens reported as cached where the book knows no cache price are not free."""
    price = book_price("openai", "text-embedding-3-small", now_ms=NOW_MS)

    assert price is not None
    assert price.rates.cached_input_nusd_per_mtok == price.rates.cache_write_nusd_per_mtok == 20_000_000


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
    assert price.rates.output_nusd_per_mtok == price.rates.input_nusd_per_mtok == 2_000_000_000
