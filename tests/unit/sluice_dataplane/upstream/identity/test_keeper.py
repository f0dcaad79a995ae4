"""When a grant is fetched anew, and what holds while that fails."""

import math

import pytest

from sluice_dataplane.upstream.identity.grants import Bearer, Grant, IdentityFailedError
from sluice_dataplane.upstream.identity.keeper import DOUBT_S, MAX_PAUSE_S, MAX_PAUSE_WITHOUT_S, Keeper

HOUR = 3600.0


class Script:
    """A source that gives what the test queued: a life in seconds, or a failure."""

    def __init__(self, *lives: float | str | None) -> None:
        self.lives = list(lives)
        self.fetched = 0

    async def fetch(self) -> Grant:
        """The next."""
        self.fetched += 1
        life = self.lives.pop(0)
        if isinstance(life, str):
            raise IdentityFailedError(life)
        return Grant(Bearer(f"tok-{self.fetched}"), life)


async def _renewed(*lives: float | str | None, at_s: float = 0.0, draw: float = 0.0) -> Keeper:
    keeper = Keeper(Script(*lives), draw=lambda: draw)
    await keeper.renew(lambda: at_s)
    return keeper


@pytest.mark.parametrize(
    ("life_s", "due_s", "end_s"),
    [(HOUR, 3300, 3590), (600, 480, 590), (24 * HOUR, 24 * HOUR - 300, 24 * HOUR - 10), (20, 16, 18)],
)
async def test_a_grant_is_due_late_in_its_life_and_not_sent_at_its_very_end(
    life_s: float, due_s: float, end_s: float
) -> None:
    """At four fifths of its life or five minutes before the end, whichever is later; ten seconds are left unused."""
    keeper = await _renewed(life_s)

    assert [keeper.is_due(at_s) for at_s in (0, due_s - 1, due_s)] == [False, False, True]
    assert [keeper.grant(at_s) is not None for at_s in (due_s, end_s - 0.1, end_s)] == [True, True, False]


async def test_replicas_do_not_all_ask_at_once() -> None:
    """Chance makes it due earlier by up to a twentieth of its life."""
    early = await _renewed(HOUR, draw=0.999)

    assert [early.is_due(at_s) for at_s in (3300 - 180, 3300 - 179)] == [False, True]


async def test_a_life_counts_from_before_it_was_asked_for() -> None:
    """A service that is slow to answer does not make its token last longer."""
    times = iter((0.0, 100.0))
    keeper = Keeper(Script(200.0), draw=lambda: 0.0)
    await keeper.renew(lambda: next(times))

    assert (keeper.grant(189.9) is not None, keeper.grant(190.0)) == (True, None)


async def test_what_lasts_for_ever_is_fetched_once() -> None:
    """Keys without an end are never due again."""
    keeper = await _renewed(None)

    assert (keeper.is_due(math.inf), keeper.grant(math.inf) is not None) == (False, True)


async def test_a_failed_renewal_keeps_the_old_while_it_is_good() -> None:
    """Until its end; then there is none."""
    keeper = await _renewed(HOUR, "down")
    await keeper.renew(lambda: 3400.0)

    assert keeper.failure == "down"
    assert (keeper.grant(3500) is not None, keeper.grant(3590)) == (True, None)


@pytest.mark.parametrize(("before", "cap_s"), [((HOUR,), MAX_PAUSE_S), ((), MAX_PAUSE_WITHOUT_S)])
async def test_failures_are_followed_by_growing_pauses(before: tuple[float, ...], cap_s: float) -> None:
    """Doubled from half a second on, up to a bound that is shorter where every call fails meanwhile."""
    keeper = Keeper(Script(*before, *["down"] * 8), draw=lambda: 0.0)
    for _ in before:
        await keeper.renew(lambda: 0.0)
    pauses, now_s = [], 3300.0
    for _ in range(8):
        await keeper.renew(lambda: now_s)  # noqa: B023  # called at once
        began_s = now_s
        while not keeper.is_due(now_s):
            now_s += 0.25
        pauses.append(now_s - began_s)
        now_s = min(now_s, 3500.0)  # while the old one holds

    assert pauses[:2] == [0.5, 1.0]
    assert max(pauses) == cap_s / 2


async def test_success_ends_the_pauses() -> None:
    """The next failure is the first again."""
    keeper = Keeper(Script("down", "down", "down", HOUR, "down"), draw=lambda: 0.0)
    for _ in range(5):
        await keeper.renew(lambda: 0.0)

    assert (keeper.failure, keeper.is_due(3300.0)) == ("down", True)
    assert keeper._pause_until_s == 0.5


async def test_a_refused_grant_is_thrown_away_once_in_a_while() -> None:
    """The first doubt costs a fetch, further ones within half a minute do not: the grant may not be what is wrong."""
    keeper = await _renewed(HOUR, HOUR, HOUR)
    first = keeper.grant(0)
    assert first is not None
    thrown = keeper.doubt(first, 10.0)
    gone = keeper.grant(10.0)
    await keeper.renew(lambda: 10.0)
    second = keeper.grant(10.0)
    assert second is not None

    assert (thrown, gone) == (True, None)
    assert [keeper.doubt(second, at_s) for at_s in (10.1, 10 + DOUBT_S - 0.1)] == [False, False]
    assert keeper.grant(10 + DOUBT_S) is second
    assert keeper.doubt(second, 10 + DOUBT_S) is True


async def test_doubt_of_an_older_grant_does_not_hurt_the_newer() -> None:
    """Calls that were under way when it was renewed are told to try again, and the new one stays."""
    keeper = await _renewed(HOUR, HOUR)
    old = keeper.grant(0)
    await keeper.renew(lambda: 5.0)
    assert old is not None

    assert keeper.doubt(old, 6.0) is True
    assert keeper.grant(6.0) == Grant(Bearer("tok-2"), HOUR)


async def test_doubt_of_what_cannot_be_renewed_is_useless() -> None:
    """Fixed keys are the same after another fetch."""
    keeper = await _renewed(None)
    grant = keeper.grant(0)
    assert grant is not None

    assert keeper.doubt(grant, 1.0) is False
    assert keeper.grant(1.0) is grant
