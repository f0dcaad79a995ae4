"""The meter: the provider's figures where there are any, else an estimate on the high side."""

from sluice_contract.usage import TokenUsage
from sluice_dataplane.exchange import Reported
from sluice_dataplane.usage.meter import Meter


def test_the_providers_figures_count_even_when_they_are_zero() -> None:
    """An explicit zero is not replaced by an estimate."""
    meter = Meter(input_tokens=200)
    meter.saw_event(500)
    meter.reported = Reported(TokenUsage())

    assert meter.usage() == TokenUsage()


def test_a_stream_without_usage_counts_at_least_a_token_an_event() -> None:
    """Twenty tiny chunks are at least twenty tokens, and the record says that it is an estimate."""
    meter = Meter(input_tokens=100)
    for _ in range(20):
        meter.saw_event(1)

    assert meter.usage() == TokenUsage(input=100, output=20, estimated=True)


def test_events_that_carry_much_text_count_by_their_text() -> None:
    """An upstream that batches a paragraph into one event is not billed for one token."""
    meter = Meter(input_tokens=1)
    meter.saw_event(3_000)

    assert meter.usage().output == 1_000


def test_an_estimate_stays_below_what_was_held() -> None:
    """What the upstream was told to stop at bounds every estimate: a budget is not overspent by a guess."""
    meter = Meter(input_tokens=1, most_output_tokens=16)
    meter.saw_body(b"y" * 3_000)

    assert meter.usage().output == 16


def test_embeddings_have_no_output() -> None:
    """A vector's bytes are not taken for generated text."""
    meter = Meter(generates=False, input_tokens=10)
    meter.saw_body(b"z" * 9_000)

    assert meter.usage() == TokenUsage(input=10, output=0, estimated=True)


def test_progress_is_what_an_estimate_would_say() -> None:
    """What a crash would bill for the part that came is what its estimate is built from."""
    meter = Meter(input_tokens=1)
    meter.saw_event(3_000)
    meter.saw_event(300)
    meter.reported = Reported(TokenUsage(output=7))

    assert meter.output_tokens == 1_100


def test_it_is_silent_until_anything_came() -> None:
    """An event, a word of use at the end, or one before it."""
    meters = [Meter(input_tokens=1) for _ in range(4)]
    meters[1].saw_event(0)
    meters[2].reported = Reported(TokenUsage())
    meters[3].begun = TokenUsage()

    assert [meter.silent for meter in meters] == [True, False, False, False]
