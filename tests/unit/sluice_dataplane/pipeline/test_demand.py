"""What a call takes at most: its bound, its price, its ceiling, in one reservation."""

from typing import Any

import msgspec
import pytest

from sluice_contract import names
from sluice_contract.snapshot import Adjustment, Limit, Price, Rates, Target, Tariff
from sluice_dataplane.errors import ForbiddenError, InvalidRequestError
from sluice_dataplane.exchange import Ask, Plan, Principal
from sluice_dataplane.limits.store import Refused
from sluice_dataplane.pipeline.amounts import Call
from sluice_dataplane.pipeline.demand import Demand, Demands
from sluice_dataplane.pipeline.resolve import resolve
from sluice_dataplane.usage.bounds import TEMPLATE_TOKENS
from support.builders import NOW_MS, PRICE, budget, exchange, key, model, table, upstream

DEMANDS = Demands(hold_ttl_ms=60_000, default_ceiling=4_096)
RPM = Limit(name="rpm", unit="Requests", amount=60, window_ms=60_000, burst=60)


def demand(
    the_key: Any = None,
    the_budgets: tuple[Any, ...] = (),
    ask: Ask | None = None,
    the_model: Any = None,
    *,
    now_ms: int = NOW_MS,
    **parts: Any,
) -> Demand:
    """What one chat call takes under the given key, budgets and model."""
    call, plan = called(the_key, the_budgets, ask, the_model, now_ms=now_ms, **parts)
    return DEMANDS.of(call, plan)


def called(
    the_key: Any = None,
    the_budgets: tuple[Any, ...] = (),
    ask: Ask | None = None,
    the_model: Any = None,
    *,
    now_ms: int = NOW_MS,
    **parts: Any,
) -> tuple[Call, Plan]:
    """The call and where it may go."""
    the_key = the_key or key(budget_ids=tuple(b.id for b in the_budgets))
    models = (the_model or model(), *parts.pop("more", ()))
    of = table(keys=(the_key,), budgets=the_budgets, models=models, **parts)
    ask, principal = ask or Ask(model="echo"), Principal(the_key, "c1")
    call = Call(exchange(of=of), principal, ask, now_ms)
    return call, resolve(of, principal, ask, draw=lambda: 0.5)


def test_a_key_without_rules_takes_nothing_and_its_body_is_left_alone() -> None:
    """No budget, no limit: no counter is touched and no ceiling is set."""
    found = demand()

    assert (found.reservation.rates, found.reservation.slots, found.reservation.charges) == ((), (), ())
    assert found.ceiling is None


def test_a_cost_budget_holds_the_dearest_target_at_the_ceiling() -> None:
    """The hold is bytes in and ceiling out at the highest price of the plan, times the choices."""
    dear = Price(version="d", input_nusd_per_mtok=1_000_000_000, output_nusd_per_mtok=2_000_000_000)
    targets = (
        Target(name="a", upstream_id="up", price=PRICE),
        Target(name="b", upstream_id="up", price=dear, priority=1),
    )
    ask = Ask(model="echo", max_output_tokens=100, choices=3)
    found = demand(the_budgets=(budget(),), ask=ask, the_model=model(targets=targets))
    most = len(exchange().body) + TEMPLATE_TOKENS

    assert found.ceiling == 100
    assert found.reservation.charges[0].amount == most * 1_000 + 300 * 2_000
    assert found.reservation.charges[0].account == names.account("bud1", "2026-09", "-")


@pytest.mark.parametrize(
    ("of_key", "of_model", "asked", "expected"),
    [(None, None, None, 4_096), (None, 500, None, 500), (50, 500, None, 50), (50, 500, 20, 20), (50, 500, 9_999, 50)],
)
def test_a_budgeted_call_always_has_a_ceiling(
    of_key: int | None, of_model: int | None, asked: int | None, expected: int
) -> None:
    """The least of key's, model's and client's; a default when nobody names one."""
    found = demand(
        key(budget_ids=("bud1",), max_tokens_per_request=of_key),
        (budget(),),
        Ask(model="echo", max_output_tokens=asked),
        model(max_output_tokens=of_model),
    )

    assert found.ceiling == expected


def test_adjustments_raise_a_limit_until_they_expire() -> None:
    """A time-boxed raise counts to its last millisecond and needs nobody to end it."""
    raises = (
        Adjustment(amount=5, expires_at_ms=NOW_MS + 1),
        Adjustment(amount=70, expires_at_ms=NOW_MS),
        Adjustment(amount=900),
    )
    found = demand(the_budgets=(budget(amount=1_000, adjustments=raises),))

    assert found.reservation.charges[0].limit == 1_905


def test_a_new_window_begins_with_the_first_call_in_it() -> None:
    """What is remembered from call to call ends with the window: the next month has its own account."""
    call, plan = called(the_budgets=(budget(),))
    end_ms = 1_790_812_800_000  # the first of October
    moments = (NOW_MS, end_ms - 1, end_ms)
    found = [DEMANDS.of(msgspec.structs.replace(call, now_ms=now_ms), plan) for now_ms in moments]
    accounts = [each.reservation.charges[0].account for each in found]

    assert accounts == [names.account("bud1", month, "-") for month in ("2026-09", "2026-09", "2026-10")]


@pytest.mark.parametrize(("per", "subject"), [("Subject", "-"), ("VirtualKey", "vktest")])
def test_per_decides_who_shares_an_account(per: str, subject: str) -> None:
    """One pot for all, or one for each key."""
    found = demand(the_budgets=(budget(per=per),))

    assert found.reservation.charges[0].account.endswith(f":{subject}")


def test_a_users_name_never_becomes_part_of_a_counters_name() -> None:
    """Per User, accounts are told apart by digest: hostile names cannot collide with anything."""
    hostile = "}{:*\n"
    first = demand(the_budgets=(budget(per="User"),), ask=Ask(model="echo", user=hostile))
    second = demand(the_budgets=(budget(per="User"),), ask=Ask(model="echo", user="ann"))
    accounts = [d.reservation.charges[0].account for d in (first, second)]

    assert accounts[0] != accounts[1]
    assert hostile not in accounts[0]


@pytest.mark.parametrize(
    ("changes", "enforced"),
    [
        ({}, True),
        ({"mode": "Observe"}, False),
        ({"on_exhausted": "Warn"}, False),
        ({"on_exhausted": "Downgrade"}, True),
        ({"mode": "PostCharge"}, True),
    ],
)
def test_only_a_budget_that_turns_calls_away_is_enforced(changes: dict[str, Any], enforced: bool) -> None:
    """Observe and Warn count and never refuse; PostCharge refuses once it is spent."""
    charge = demand(the_budgets=(budget(**changes),)).reservation.charges[0]

    assert charge.enforced is enforced
    assert (charge.amount == 1) is (changes.get("mode") == "PostCharge")


def test_an_unpriced_target_is_no_target_for_a_cost_budget() -> None:
    """Unknown is not free: what has no price is left out, and with nothing left the call is a clear 400."""
    unpriced = Target(name="u", upstream_id="up")
    both = (unpriced, Target(name="t", upstream_id="up", price=PRICE, priority=1))
    found = demand(the_budgets=(budget(),), the_model=model(targets=both))

    assert [c.target.name for c in found.plan.candidates] == ["t"]
    with pytest.raises(InvalidRequestError, match="no price") as caught:
        demand(the_budgets=(budget(),), the_model=model(targets=(unpriced,)))
    assert caught.value.code == "model_unpriced"


REFUSES_NOBODY: list[dict[str, Any]] = [{"mode": "Observe"}, {"on_exhausted": "Warn"}]


@pytest.mark.parametrize("changes", REFUSES_NOBODY)
def test_a_budget_that_refuses_nobody_takes_calls_without_a_price(changes: dict[str, Any]) -> None:
    """No target is left out and no call refused, unless another Budget holds the cost."""
    quiet, the_model = budget(**changes), model(targets=(Target(name="u", upstream_id="up"),))
    found = demand(the_budgets=(quiet,), the_model=the_model)

    assert [each.target.name for each in found.plan.candidates] == ["u"]
    assert not found.reservation.charges[0].amount
    with pytest.raises(InvalidRequestError, match="no price"):
        demand(the_budgets=(quiet, budget(id="b2")), the_model=the_model)


@pytest.mark.parametrize("changes", REFUSES_NOBODY)
def test_a_budget_that_refuses_nobody_leaves_bodies_alone(changes: dict[str, Any]) -> None:
    """No ceiling is set, unless another Budget, or the key, needs one."""
    quiet = budget(**changes)

    assert demand(the_budgets=(quiet,), the_model=model(max_output_tokens=9)).ceiling is None
    assert demand(the_budgets=(quiet, budget(id="b2"))).ceiling == 4_096
    assert demand(key(budget_ids=("bud1",), max_tokens_per_request=7), (quiet,)).ceiling == 7


@pytest.mark.parametrize(
    ("target", "changes"),
    [
        (Target(name="f", upstream_id="up", free=True), {}),
        (Target(name="u", upstream_id="up"), {"unpriced_allowed": True}),
    ],
    ids=["free", "unpriced allowed"],
)
def test_what_is_said_to_be_free_is_free(target: Target, changes: dict[str, Any]) -> None:
    """``free: true`` and ``unpricedModels: Allow`` hold nothing and pass."""
    found = demand(the_budgets=(budget(**changes),), the_model=model(targets=(target,)))

    assert found.reservation.charges[0].amount == 0


def test_a_key_whose_budget_is_missing_is_refused_not_let_loose() -> None:
    """A Budget that was deleted does not turn its keys into unlimited ones."""
    with pytest.raises(ForbiddenError, match="team/month") as caught:
        demand(key(missing_budgets=("team/month",)))

    assert caught.value.code == "budget_not_found"


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, True),
        ({"mode": "PostCharge"}, True),
        ({"on_exhausted": "Downgrade"}, True),
        ({"unpriced_allowed": True}, False),
        ({"mode": "Observe"}, False),
        ({"on_exhausted": "Warn"}, False),
        ({"unit": "TotalTokens"}, False),
    ],
)
def test_what_no_price_covers_is_refused_where_a_budget_holds_money(changes: dict[str, Any], refused: bool) -> None:
    """A search that is billed by the call is a 400 that names the field, unless the Budget allows what has no price."""
    ask = Ask(model="echo", unpriced="web_search_options")
    if not refused:
        assert demand(the_budgets=(budget(**changes),), ask=ask).reservation.charges
        return
    with pytest.raises(InvalidRequestError) as caught:
        demand(the_budgets=(budget(**changes),), ask=ask)

    assert (caught.value.code, caught.value.param) == ("unpriced_feature", "web_search_options")


FAST = msgspec.structs.replace(PRICE, services={"priority": Tariff(rates=Rates(output_nusd_per_mtok=9_000_000_000))})


@pytest.mark.parametrize(
    ("changes", "tier", "refused"),
    [
        ({}, "priority", True),
        ({}, "anything", True),
        ({"on_exhausted": "Downgrade"}, "priority", True),
        ({}, "flex", False),
        ({}, "batch", False),
        ({}, "auto", False),
        ({}, "default", False),
        ({"mode": "Observe"}, "priority", False),
        ({"on_exhausted": "Warn"}, "priority", False),
        ({"unpriced_allowed": True}, "priority", False),
        ({"unit": "TotalTokens"}, "priority", False),
    ],
)
def test_a_service_tier_without_a_price_is_refused_where_a_budget_holds_money(
    changes: dict[str, Any], tier: str, refused: bool
) -> None:
    """One that costs no more than the list price is held at that; one that may is a 400 that names the field."""
    ask = Ask(model="echo", service_tier=tier)
    if not refused:
        assert demand(the_budgets=(budget(**changes),), ask=ask).reservation.charges
        return
    with pytest.raises(InvalidRequestError) as caught:
        demand(the_budgets=(budget(**changes),), ask=ask)

    assert (caught.value.code, caught.value.param) == ("unpriced_feature", "service_tier")


def test_a_service_tier_is_held_at_its_rates_and_asked_of_targets_that_have_them() -> None:
    """Of several targets only those serve that have rates for the tier, or are free."""
    targets = (
        Target(name="plain", upstream_id="up", price=PRICE),
        Target(name="fast", upstream_id="up", price=FAST),
        Target(name="free", upstream_id="up", free=True),
    )
    ask = Ask(model="echo", service_tier="priority", max_output_tokens=100)
    found = demand(the_budgets=(budget(),), ask=ask, the_model=model(targets=targets))

    assert {each.target.name for each in found.plan.candidates} == {"fast", "free"}
    assert found.reservation.charges[0].amount >= 100 * 9_000
    with pytest.raises(InvalidRequestError, match="service_tier"):
        demand(
            the_budgets=(budget(),), ask=Ask(model="echo", service_tier="scale"), the_model=model(targets=targets[:2])
        )


def test_a_search_in_a_models_name_is_refused_where_the_client_put_it() -> None:
    """OpenRouter reads it out of the end of a name that a wildcard passes on; what the operator named has its price."""
    wild = Target(name="t", upstream_id="up", price=PRICE)
    with pytest.raises(InvalidRequestError) as caught:
        demand(the_budgets=(budget(),), ask=Ask(model="or/some:online"), the_model=model("or/*", targets=(wild,)))
    assert (caught.value.code, caught.value.param) == ("unpriced_feature", "model")

    named = Target(name="t", upstream_id="up", price=PRICE, model="some:online")
    assert demand(
        the_budgets=(budget(),), ask=Ask(model="x:online"), the_model=model("x:online", targets=(named,))
    ).reservation.charges


@pytest.mark.parametrize(
    ("changes", "refused"),
    [({}, True), ({"unit": "TotalTokens"}, True), ({"unit": "InputTokens"}, True), ({"unit": "OutputTokens"}, False)],
)
def test_input_that_nothing_bounds_is_refused_where_it_is_held(changes: dict[str, Any], refused: bool) -> None:
    """A stored file may be of any length: a known context window lets it in, a Budget on output does not care."""
    body = b'{"model":"echo","messages":[{"content":[{"type":"file","file":{"file_id":"f"}}]}]}'
    call, plan = called(the_budgets=(budget(**changes),))
    known, windowed = called(the_budgets=(budget(**changes),), the_model=model(context_window=9_000))
    call, known = (
        msgspec.structs.replace(each, exchange=exchange(body, of=each.exchange.table)) for each in (call, known)
    )

    assert DEMANDS.of(known, windowed).bound.input == 9_000
    if not refused:
        assert DEMANDS.of(call, plan).bound.opaque
        return
    with pytest.raises(InvalidRequestError) as caught:
        DEMANDS.of(call, plan)
    assert (caught.value.code, caught.value.param) == ("unpriced_feature", "messages[0].content[0]")


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        ((), "Open"),
        (({"failure_mode": "Open"},), "Open"),
        (({"failure_mode": "Open"}, {"failure_mode": "Lease"}), "Lease"),
        (({"failure_mode": "Lease"}, {"failure_mode": "Closed"}, {"failure_mode": "Open"}), "Closed"),
        (({"failure_mode": "Closed", "mode": "Observe"},), "Open"),
        (({"failure_mode": "Closed", "on_exhausted": "Warn"}, {"failure_mode": "Lease"}), "Lease"),
    ],
)
def test_the_strictest_budget_says_what_is_done_without_the_store(
    modes: tuple[dict[str, Any], ...], expected: str
) -> None:
    """One that refuses nobody has no say."""
    budgets = tuple(budget(id=f"b{n}", **changes) for n, changes in enumerate(modes))

    assert demand(the_budgets=budgets).terms.away == expected


def test_a_target_is_asked_within_its_own_limits_and_its_accounts() -> None:
    """A call takes the limits of the first target, of its provider's account and of a nested model with its own."""
    tpm = Limit(name="tpm", unit="TotalTokens", amount=500, window_ms=60_000, burst=500)
    inner = model(
        "inner",
        internal=True,
        limits=(RPM,),
        targets=(Target(name="a/b", upstream_id="up", price=PRICE, limits=(tpm,)),),
    )
    outer = model("echo", limits=(RPM,), targets=(Target(name="r", model_ref="inner"),))
    found = demand(
        key(limits=(RPM,)), the_model=outer, more=(inner,), upstreams=(upstream(limits=(RPM,), limits_id="uid-prov"),)
    )
    buckets = [rate.bucket for rate in found.reservation.rates]

    assert len(set(buckets)) == 5
    assert [limit.name for limit in found.limits] == ["rpm", "rpm", "rpm", "tpm", "rpm"]
    assert [bucket.split(":")[2] for bucket in buckets[:3]] == ["vktest", "uid-echo", "uid-inner"]
    assert "uid-prov" in buckets[4]
    assert not any("a/b" in bucket for bucket in buckets), "a user's text is part of a counter's name"
    assert found.reservation.rates[3].cost > 1


def test_a_model_asked_for_by_itself_takes_its_limits_once() -> None:
    """No bucket is named twice in one reservation."""
    found = demand(the_model=model(limits=(RPM,)))

    assert len(found.reservation.rates) == 1


def test_a_ceiling_is_clamped_to_what_fits_and_not_below_use() -> None:
    """Where 500 tokens fit the ceiling is 500; where 255 do there is none, and a client's own is never touched."""
    call, plan = called(the_budgets=(budget(unit="TotalTokens"), budget(id="b2", unit="OutputTokens"), budget(id="b3")))
    whole = DEMANDS.of(call, plan)

    def ceiling(index: int, available: int) -> int | None:
        found = DEMANDS.clamped(call, whole, index, available)
        assert found is None or found.clamped
        assert found is None or found.reservation.charges[index].amount <= available
        return None if found is None else found.ceiling

    assert ceiling(0, 188 + 500) == ceiling(1, 500) == 500
    assert ceiling(2, 188 * 150 + 500 * 600) == 500
    assert ceiling(0, 188 + 255) is ceiling(1, 255) is ceiling(2, 0) is None
    assert ceiling(0, 10**9) is None, "what fits is no reason for a clamp"
    named = msgspec.structs.replace(call, ask=Ask(model="echo", max_output_tokens=4_096))
    assert DEMANDS.clamped(named, whole, 0, 700) is None


@pytest.mark.parametrize(
    ("limit", "named", "ever"),
    [(188 + 4_096, 4_096, True), (188 + 4_095, 4_096, False), (188 + 256, None, True), (188 + 255, None, False)],
)
def test_a_call_fits_in_some_window_if_a_whole_limit_holds_it(limit: int, named: int | None, ever: bool) -> None:
    """With a lower ceiling where the client named none; whatever is left now."""
    ask = Ask(model="echo", max_output_tokens=named)
    call, plan = called(the_budgets=(budget(unit="TotalTokens", amount=limit),), ask=ask)

    assert DEMANDS.ever_fits(call, DEMANDS.of(call, plan), Refused("charge", 0, None, available=0)) is ever
    assert DEMANDS.ever_fits(call, DEMANDS.of(call, plan), Refused("slot", 0, None))


def test_a_clamp_is_shared_among_the_choices() -> None:
    """Three answers of 300 tokens fit into 900."""
    call, plan = called(the_budgets=(budget(unit="OutputTokens"),), ask=Ask(model="echo", choices=3))
    found = DEMANDS.clamped(call, DEMANDS.of(call, plan), 0, 901)

    assert found is not None
    assert (found.ceiling, found.output) == (300, 900)


def test_a_window_that_was_asked_for_is_held() -> None:
    """What the client has made longer is as long as it made it: the text is not cut off at the model's own window."""
    ask = Ask(model="echo", max_output_tokens=10, long_context=1_000_000)
    body = b'{"model":"echo","messages":[{"role":"user","content":"' + b"a" * 900_000 + b'"}]}'
    call, plan = called(the_budgets=(budget(),), ask=ask, the_model=model(context_window=100_000))
    call = msgspec.structs.replace(call, exchange=msgspec.structs.replace(call.exchange, body=body))

    assert DEMANDS.of(call, plan).bound.input > 900_000


def test_a_fee_is_for_one_picture() -> None:
    """A model that bills by the picture is asked for one at a time: ten for one fee would be nine for none."""
    by_fee = Price(version="f", input_nusd_per_mtok=0, output_nusd_per_mtok=0, request_nusd=40_000_000)
    ask = Ask(model="echo", choices=10, output_bound=8_192)

    def asked(price: Price) -> Demand:
        targets = (Target(name="t", upstream_id="up", price=price),)
        call, plan = called(the_budgets=(budget(),), ask=ask, the_model=model(targets=targets))
        return DEMANDS.of(
            msgspec.structs.replace(call, exchange=exchange(of=call.exchange.table, endpoint="images")), plan
        )

    with pytest.raises(InvalidRequestError) as caught:
        asked(by_fee)
    assert (caught.value.code, caught.value.param) == ("unpriced_feature", "n")
    assert asked(PRICE).output == 81_920
