"""When a target is set aside, for how long, and what is never taken from a model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.snapshot import Health as Rules
from sluice_contract.snapshot import Model, Target
from sluice_dataplane.upstream.health import MAX_REST_MS, Health

RULES = Rules(consecutive_failures=3, ejection_ms=1000, max_ejected_percent=50)


def _model(*names: str, rules: Rules = RULES, uid: str = "u1", max_concurrency: int | None = None) -> Model:
    targets = tuple(Target(name=name, upstream_id=name, max_concurrency=max_concurrency) for name in names)
    return Model(name="chat", uid=uid, namespace="ns", resource="chat", targets=targets, health=rules)


def _fail(health: Health, model: Model, target: Target, *, times: int, now_ms: int) -> None:
    for _ in range(times):
        health.record(model, target, ok=False, now_ms=now_ms)


def _available(health: Health, model: Model, now_ms: int) -> list[str]:
    return [target.name for target in model.targets if health.is_available(model, target, now_ms)]


def test_a_target_is_ejected_after_enough_failures_in_a_row() -> None:
    """The last of consecutive_failures ejects, not one before."""
    health, model = Health(), _model("a", "b")
    _fail(health, model, model.targets[0], times=2, now_ms=0)
    before = _available(health, model, 0)
    _fail(health, model, model.targets[0], times=1, now_ms=0)

    assert (before, _available(health, model, 0)) == (["a", "b"], ["b"])


def test_a_success_begins_the_row_anew() -> None:
    """Failures with a success between them are not in a row."""
    health, model = Health(), _model("a", "b")
    _fail(health, model, model.targets[0], times=2, now_ms=0)
    health.record(model, model.targets[0], ok=True, now_ms=0)
    _fail(health, model, model.targets[0], times=2, now_ms=0)

    assert _available(health, model, 0) == ["a", "b"]


def test_an_ejection_ends_at_its_time() -> None:
    """The target is back ejection_ms later, to the millisecond."""
    health, model = Health(), _model("a", "b")
    _fail(health, model, model.targets[0], times=3, now_ms=500)

    assert [_available(health, model, now) for now in (1499, 1500)] == [["b"], ["a", "b"]]


@pytest.mark.parametrize(("nth", "lasts_ms"), [(1, 1000), (2, 2000), (10, 10_000), (11, 10_000), (12, 10_000)])
def test_the_nth_ejection_in_a_row_lasts_n_times_as_long(nth: int, lasts_ms: int) -> None:
    """Each ejection without a success since the last is longer, up to ten times."""
    health, model = Health(), _model("a", "b")
    for n in range(nth):
        _fail(health, model, model.targets[0], times=3, now_ms=n * 100_000)
    began_ms = (nth - 1) * 100_000

    assert [_available(health, model, began_ms + ms) for ms in (lasts_ms - 1, lasts_ms)] == [["b"], ["a", "b"]]


def test_a_success_makes_the_next_ejection_short_again() -> None:
    """The count of ejections begins anew with a success."""
    health, model = Health(), _model("a", "b")
    _fail(health, model, model.targets[0], times=3, now_ms=0)
    health.record(model, model.targets[0], ok=True, now_ms=5000)
    _fail(health, model, model.targets[0], times=3, now_ms=6000)

    assert _available(health, model, 7000) == ["a", "b"]


def test_failures_sent_before_the_ejection_do_not_count_again() -> None:
    """A hundred calls that fail together eject once, for one length."""
    health, model = Health(), _model("a", "b")
    _fail(health, model, model.targets[0], times=100, now_ms=0)

    assert _available(health, model, 1000) == ["a", "b"]


def test_a_late_success_does_not_end_an_ejection() -> None:
    """A stream begun in better times says nothing of now."""
    health, model = Health(), _model("a", "b")
    _fail(health, model, model.targets[0], times=3, now_ms=0)
    health.record(model, model.targets[0], ok=True, now_ms=1)

    assert _available(health, model, 2) == ["b"]


@given(
    st.integers(1, 6),
    st.integers(0, 100),
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3000)), max_size=80),
)
def test_a_model_keeps_its_share_and_its_last_target(
    count: int, percent: int, events: list[tuple[int, bool, int]]
) -> None:
    """Whatever fails, at most max_ejected_percent of the targets are ejected, and never all."""
    rules = Rules(consecutive_failures=2, ejection_ms=1000, max_ejected_percent=percent)
    health, model, now_ms = Health(), _model(*"abcdef"[:count], rules=rules), 0
    for which, ok, passed_ms in events:
        now_ms += passed_ms
        health.record(model, model.targets[which % count], ok=ok, now_ms=now_ms)
        ejected = count - len(_available(health, model, now_ms))

        assert ejected < count
        assert ejected * 100 <= percent * count


@pytest.mark.parametrize("names", ["a", "ab"])
def test_the_last_target_is_never_ejected(names: str) -> None:
    """Not even where all of a model's targets may be: a bad answer is better than none."""
    health = Health()
    model = _model(*names, rules=Rules(consecutive_failures=1, ejection_ms=1000, max_ejected_percent=100))
    for target in model.targets:
        _fail(health, model, target, times=3, now_ms=0)

    assert _available(health, model, 0) == [names[-1]]


def test_models_with_a_common_target_name_are_apart() -> None:
    """Health belongs to (model uid, target name)."""
    health, one, two = Health(), _model("a", "b", uid="1"), _model("a", "b", uid="2")
    _fail(health, one, one.targets[0], times=3, now_ms=0)

    assert (_available(health, one, 0), _available(health, two, 0)) == (["b"], ["a", "b"])


def test_a_resting_target_is_left_alone_until_its_time() -> None:
    """Retry-After is honoured, also for the only target, and counts as no failure."""
    health, model = Health(), _model("a")
    for _ in range(5):
        health.rest(model, model.targets[0], 2000)

    assert [_available(health, model, now) for now in (1999, 2000)] == [[], ["a"]]


def test_a_rest_is_not_made_shorter_by_a_later_one() -> None:
    """Two answers with different Retry-After: the longer holds."""
    health, model = Health(), _model("a")
    health.rest(model, model.targets[0], 2000)
    health.rest(model, model.targets[0], 500)

    assert _available(health, model, 1000) == []


def test_a_rest_has_a_limit() -> None:
    """A provider that asks for a day gets MAX_REST_MS."""
    health, model = Health(), _model("a")
    health.rest(model, model.targets[0], 86_400_000)

    assert [_available(health, model, now) for now in (0, MAX_REST_MS - 1, MAX_REST_MS)] == [[], [], ["a"]]


def test_a_full_target_takes_no_further_call() -> None:
    """max_concurrency calls are in flight at most; one that ends makes room."""
    health, model = Health(), _model("a", max_concurrency=2)
    target = model.targets[0]
    taken = [health.acquire(model, target) for _ in range(3)]
    full = _available(health, model, 0)
    health.release(model, target)

    assert (taken, full, _available(health, model, 0)) == ([True, True, False], [], ["a"])


def test_a_target_that_may_have_no_call_is_never_available() -> None:
    """max_concurrency 0 is none, not no limit."""
    health, model = Health(), _model("a", max_concurrency=0)

    assert (_available(health, model, 0), health.acquire(model, model.targets[0])) == ([], False)


def test_a_reload_keeps_what_is_known() -> None:
    """An edited model with the same uid keeps its targets' health; new limits hold at once."""
    health, old, new = Health(), _model("a", "b"), _model("a", "b", "c", max_concurrency=1)
    _fail(health, old, old.targets[0], times=3, now_ms=0)
    health.acquire(old, old.targets[1])
    health.retain([new])

    assert _available(health, new, 0) == ["c"]


def test_a_vanished_target_is_forgotten() -> None:
    """A target that comes back after a reload without it starts healthy."""
    health, model = Health(), _model("a", "b")
    _fail(health, model, model.targets[0], times=3, now_ms=0)
    health.retain([])

    assert _available(health, model, 0) == ["a", "b"]


def test_a_vanished_target_is_forgotten_with_its_last_call() -> None:
    """Calls in flight through a reload are still counted down, and nothing stays behind."""
    health, model = Health(), _model("a", "b")
    _fail(health, model, model.targets[0], times=3, now_ms=0)
    health.acquire(model, model.targets[0])
    health.retain([])
    during = _available(health, model, 0)
    health.release(model, model.targets[0])

    assert (during, _available(health, model, 0)) == (["b"], ["a", "b"])


def test_a_target_that_came_back_with_a_call_in_flight_is_kept() -> None:
    """Two reloads, without and with it, during one call: the call's end forgets nothing."""
    health, model = Health(), _model("a", "b")
    _fail(health, model, model.targets[0], times=3, now_ms=0)
    health.acquire(model, model.targets[0])
    health.retain([])
    health.retain([model])
    health.release(model, model.targets[0])

    assert _available(health, model, 0) == ["b"]


def test_summary_tells_each_target_once() -> None:
    """Status gets every target an upstream serves, known or not; a modelRef has its health where it leads."""
    health = Health()
    model = _model("a", "b", "c")
    _fail(health, model, model.targets[0], times=3, now_ms=0)
    health.rest(model, model.targets[1], 10)
    health.acquire(model, model.targets[1])
    nested = Model(name="n", uid="n", namespace="ns", resource="n", targets=(Target(name="x", model_ref="chat"),))
    told = health.summary([model, nested], 5)

    assert [(t.target.name, t.ejected, t.resting, t.in_flight) for t in told] == [
        ("a", True, False, 0),
        ("b", False, True, 1),
        ("c", False, False, 0),
    ]
