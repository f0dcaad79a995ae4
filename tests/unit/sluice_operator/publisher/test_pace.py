"""When a pass is due."""

from sluice_operator.publisher.pace import MAX_INTERVAL_MS, MAX_WAIT_MS, MIN_INTERVAL_MS, URGENT_MS, Pace

NOW = 1_000_000


def idle(*, took_ms: int = 10) -> Pace:
    """A pace after a pass that ended at NOW."""
    return Pace(debounce_ms=50).began(NOW - took_ms).succeeded(NOW, wake_ms=None)


def test_nothing_to_do_is_never_due() -> None:
    """Without a change no pass is made."""
    assert idle().due_ms() is None


def test_a_change_waits_for_those_that_come_with_it() -> None:
    """A pass is due when it has been quiet for the debounce, at the latest MAX_WAIT_MS after the first change."""
    at = NOW + 10_000
    pace = idle().dirtied(at, urgent=False)
    once = pace.due_ms()
    for later in range(at, at + 1000, 20):
        pace = pace.dirtied(later, urgent=False)

    assert once == at + 50
    assert pace.due_ms() == at + MAX_WAIT_MS


def test_what_may_revoke_does_not_wait() -> None:
    """An urgent change is due at once, also in a storm and right after a pass that took long."""
    pace = idle(took_ms=3_000).dirtied(NOW, urgent=False).dirtied(NOW + 1, urgent=True)
    for later in range(NOW + 1, NOW + 9):
        pace = pace.dirtied(later, urgent=True)

    assert pace.due_ms() == NOW + 1 + URGENT_MS


def test_a_storm_costs_half_a_core_at_most() -> None:
    """Between passes nobody is in a hurry for there is a rest in proportion to what a pass costs, within bounds."""
    rests = []
    for took_ms in (1, 200, 5_000):
        due = idle(took_ms=took_ms).dirtied(NOW - took_ms + 1, urgent=False).due_ms()
        assert due is not None
        rests.append(due - (NOW - took_ms))

    assert rests == [MIN_INTERVAL_MS, 400, MAX_INTERVAL_MS]


def test_time_alone_can_make_a_pass_due() -> None:
    """What expires is compiled again when it does."""
    assert idle().began(NOW).succeeded(NOW, wake_ms=NOW + 5_000).due_ms() == NOW + 5_000


def test_a_failed_pass_is_tried_again_ever_later() -> None:
    """Failures are repeated with growing pauses up to a bound, though nothing new happens."""
    pace, pauses = idle().dirtied(NOW, urgent=True), []
    for _ in range(7):
        pace = pace.began(NOW).failed(NOW, since_ms=NOW - 100)
        due = pace.due_ms()
        assert due is not None
        pauses.append(due - NOW)

    assert pauses == [500, 1000, 2000, 4000, 8000, 10_000, 10_000]
    assert pace.first_dirty_ms == NOW - 100


def test_an_urgent_change_does_not_wait_for_the_next_try() -> None:
    """An event shows that the API server answers: a revocation is tried at once, whatever failed before."""
    pace = idle().began(NOW).failed(NOW, since_ms=None).dirtied(NOW + 5, urgent=True)

    assert pace.due_ms() == NOW + 5 + URGENT_MS


def test_success_ends_the_retries() -> None:
    """After a pass that ended well there is nothing left to do."""
    assert idle().began(NOW).failed(NOW, since_ms=None).began(NOW).succeeded(NOW, wake_ms=None).due_ms() is None


def test_what_comes_during_a_pass_is_for_the_next() -> None:
    """A change that arrives while a pass runs is not taken for done."""
    pace = idle().dirtied(NOW, urgent=True).began(NOW + 10).dirtied(NOW + 20, urgent=True)

    assert pace.succeeded(NOW + 30, wake_ms=None).due_ms() == NOW + 20 + URGENT_MS
