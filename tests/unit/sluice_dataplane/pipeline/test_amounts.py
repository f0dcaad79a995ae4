"""How much a call takes of each rule: in every unit, at the price of what it holds."""

from typing import Any

import pytest

from sluice_contract.snapshot import Limit, Owner, Price, Rates, Target, Tariff
from sluice_contract.windows import Period, rolling_bucket
from sluice_dataplane.exchange import Ask, Principal
from sluice_dataplane.pipeline.amounts import Call, costed
from sluice_dataplane.pipeline.demand import Demand, Demands
from sluice_dataplane.pipeline.resolve import resolve
from sluice_dataplane.pipeline.terms import rate_of
from sluice_dataplane.usage.bounds import Bound
from sluice_dataplane.usage.pricing import cost_at
from support.builders import NOW_MS, PRICE, budget, exchange, key, model, table


def demand(
    the_budgets: tuple[Any, ...] = (), ask: Ask | None = None, the_model: Any = None, *, now_ms: int = NOW_MS
) -> Demand:
    """What one chat call takes under the given budgets and model."""
    the_key = key(budget_ids=tuple(b.id for b in the_budgets))
    of = table(keys=(the_key,), budgets=the_budgets, models=(the_model or model(),))
    ask, principal = ask or Ask(model="echo"), Principal(the_key, "c1")
    plan = resolve(of, principal, ask, draw=lambda: 0.5)
    return Demands(hold_ttl_ms=60_000, default_ceiling=4_096).of(Call(exchange(of=of), principal, ask, now_ms), plan)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("Requests", 1), ("InputTokens", 188), ("OutputTokens", 10), ("TotalTokens", 198)],
)
def test_every_unit_is_held_in_its_own_measure(unit: str, expected: int) -> None:
    """Requests count one, tokens their bounds (the body has 60 bytes, and 128 tokens may come before it)."""
    found = demand(the_budgets=(budget(unit=unit),), ask=Ask(model="echo", max_output_tokens=10))

    assert len(exchange().body) == 60
    assert found.reservation.charges[0].amount == expected


def test_a_priced_call_is_held_by_what_it_holds() -> None:
    """Only what can be sound is held at the price of sound, and the dearest service counts."""
    price = Price(
        version="p",
        input_nusd_per_mtok=1_000_000,
        output_nusd_per_mtok=2_000_000,
        audio_input_nusd_per_mtok=90_000_000,
        audio_output_nusd_per_mtok=7_000_000,
        services={
            "priority": Tariff(rates=Rates(input_nusd_per_mtok=3_000_000, output_nusd_per_mtok=4_000_000)),
        },
    )
    the_model = model(targets=(Target(name="t", upstream_id="up", price=price),))
    text = demand(the_budgets=(budget(),), ask=Ask(model="echo", max_output_tokens=10), the_model=the_model)
    spoken = demand(
        the_budgets=(budget(),), ask=Ask(model="echo", max_output_tokens=10, audio_wanted=True), the_model=the_model
    )

    assert text.reservation.charges[0].amount == 188 * 3 + 10 * 4
    assert spoken.reservation.charges[0].amount == 188 * 3 + 10 * 7


def test_a_rolling_budget_is_charged_to_the_bucket_of_the_moment() -> None:
    """Calls of one bucket share it, the next bucket has its own, and the account is one."""
    rolling = Period(rolling_ms=3_600_000)
    moments = (NOW_MS, NOW_MS + 60_000)
    found = [demand(the_budgets=(budget(period=rolling),), now_ms=now_ms).reservation.charges[0] for now_ms in moments]

    assert [(charge.bucket, charge.oldest) for charge in found] == [rolling_bucket(rolling, now) for now in moments]
    assert found[0].account == found[1].account
    assert found[0].expires_at_ms > NOW_MS + 3_600_000


def test_what_is_written_down_before_a_call_is_the_most_it_can_be() -> None:
    """The draft bills a call that nobody sees the end of at its bound, at the dearest of its targets."""
    dear = Price(version="d", input_nusd_per_mtok=1_000_000_000, output_nusd_per_mtok=2_000_000_000)
    targets = (
        Target(name="a", upstream_id="up", model="m-a", price=PRICE),
        Target(name="b", upstream_id="up", price=dear, priority=1),
    )
    ask = Ask(model="echo", max_output_tokens=100, choices=3, stream=True, user="ann")
    found = demand(the_budgets=(budget(),), ask=ask, the_model=model(targets=targets))
    draft, record = found.draft, found.draft.record

    assert (record.usage.input, record.usage.output, record.usage.estimated) == (188, 300, True)
    assert (record.id, record.target, record.upstream_model, record.user) == ("req_1", "a", "m-a", "ann")
    assert (record.stream, record.price_version, record.budget_ids, draft.units) == (True, "p1", ("bud1",), ("Cost",))
    assert draft.input_tokens == 20
    assert draft.rates is not None
    assert cost_at(record.usage, draft.rates, draft.request_nusd) == found.reservation.charges[0].amount


@pytest.mark.parametrize(("owner", "user"), [(None, "bob"), ("ann", "ann")])
def test_a_record_names_the_user_whose_key_it_is(owner: str | None, user: str) -> None:
    """What the body says counts only where the key is nobody's."""
    the_key, ask = key(owner=Owner(user=owner)), Ask(model="echo", user="bob")
    of, principal = table(keys=(the_key,), models=(model(),)), Principal(the_key, "c1")
    call = Call(exchange(of=of), principal, ask, NOW_MS)
    plan = resolve(of, principal, ask, draw=lambda: 0.5)

    assert Demands(hold_ttl_ms=60_000, default_ceiling=4_096).of(call, plan).draft.record.user == user


@pytest.mark.parametrize(
    ("unit", "cost"), [("Requests", 1), ("InputTokens", 15), ("OutputTokens", 2_048), ("TotalTokens", 2_063)]
)
def test_rates_are_taken_at_a_guess(unit: Any, cost: int) -> None:
    """The body's 60 bytes at four a token, and at most 1,024 tokens for each answer: the settlement puts it right."""
    limit = Limit(name="l", unit=unit, amount=9, window_ms=1_000, burst=9)
    call = Call(exchange(), Principal(key(), "c1"), Ask(model="echo", max_output_tokens=9_999, choices=2), NOW_MS)
    (taken,) = costed(call, Bound(500, 20), (rate_of("vk", limit),), (limit,))

    assert taken.cost == cost


def test_a_picture_is_not_guessed_at_by_its_bytes() -> None:
    """A megabyte of base64 does not use up a limit on tokens."""
    limit = Limit(name="l", unit="InputTokens", amount=9, window_ms=1_000, burst=9)
    call = Call(exchange(b"x" * 1_000_000), Principal(key(), "c1"), Ask(model="echo"), NOW_MS)
    (taken,) = costed(call, Bound(2_000, 1_500, image=1_445), (rate_of("vk", limit),), (limit,))

    assert taken.cost == 1_125
