"""When running holds are extended."""

from sluice_dataplane.usage.heart import Heart
from support.stores import take


def test_holds_are_due_every_third_of_their_time() -> None:
    """Holds of one time to live are due at once, then a third of it after each beat."""
    heart, running = Heart(), [take("h", ttl_ms=9_000), take("i", ttl_ms=9_000), take("k", ttl_ms=30_000)]
    first = heart.due(running, now_ms=0)
    for ttl_ms, _ in first:
        heart.beat(ttl_ms, now_ms=0)

    assert first == [(9_000, ["h", "i"]), (30_000, ["k"])]
    assert heart.due(running, now_ms=2_999) == []
    assert heart.due(running, now_ms=3_000) == [(9_000, ["h", "i"])]


def test_a_beat_that_failed_stays_due() -> None:
    """Holds that could not be extended are due again at the next look."""
    heart, running = Heart(), [take("h", ttl_ms=9_000)]
    heart.due(running, now_ms=0)

    assert heart.due(running, now_ms=1) == [(9_000, ["h"])]


def test_what_runs_no_more_is_forgotten() -> None:
    """Times to live that no call has any more leave no trace."""
    heart = Heart()
    heart.beat(9_000, now_ms=0)
    heart.due([], now_ms=1)

    assert heart._next_ms == {}
