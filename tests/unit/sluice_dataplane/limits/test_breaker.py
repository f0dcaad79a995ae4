"""When a store that does not answer is left alone."""

from sluice_dataplane.limits.breaker import Breaker


class _Clock:
    now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


def _opened(clock: _Clock, draw: float = 0.0) -> Breaker:
    breaker = Breaker(clock, lambda: draw)
    for _ in range(5):
        assert breaker.may_pass()
        breaker.failed()
    return breaker


def test_five_failures_in_a_row_open_it() -> None:
    """The fifth consecutive failure opens the breaker; a success in between starts the count again."""
    breaker = Breaker(_Clock(), lambda: 0.0)
    for _ in range(3):
        for _ in range(4):
            breaker.failed()
        breaker.succeeded()

    assert not breaker.open
    assert not _opened(_Clock()).may_pass()


def test_one_probe_a_second_passes() -> None:
    """An open breaker lets one call pass per second, and no second one while the first is on its way."""
    clock = _Clock()
    breaker = _opened(clock)
    passed = []
    for clock.now_ms in range(0, 3_500, 100):
        if breaker.may_pass():
            passed.append(clock.now_ms)
            breaker.failed()

    assert passed == [1_000, 2_000, 3_000]


def test_probes_of_replicas_are_spread() -> None:
    """The time to the next probe is stretched by up to a quarter, as drawn."""
    clock = _Clock()
    breaker = _opened(clock, draw=0.8)
    clock.now_ms = 1_199
    early = breaker.may_pass()
    clock.now_ms = 1_200

    assert not early
    assert breaker.may_pass()


def test_a_successful_probe_closes_it() -> None:
    """After one answer every call passes again."""
    clock = _Clock()
    breaker = _opened(clock)
    clock.now_ms = 1_000
    breaker.may_pass()
    breaker.succeeded()

    assert [breaker.may_pass() for _ in range(3)] == [True, True, True]
