"""Which Budgets hold for a key."""

import pytest

from unit.sluice_operator.compiler.world import compiled, finding, verdict

HASH = 'hash: {keyHash: "sha256:' + "a" * 64 + '"}'
KEY = f"kind: VirtualKey\nmetadata: {{name: app, labels: {{team: payments}}}}\nspec: {{type: Hash, {HASH}%s}}\n---\n"
BUDGET = (
    "kind: Budget\nmetadata: {name: %s, namespace: %s}\n"
    'spec: {limit: {unit: Cost, amount: "10", currency: USD}, period: {type: Once}%s}\n---\n'
)
SELECTOR = ", subject: {virtualKeySelector: {matchLabels: {team: payments}}}"
GOLD = ", allowedNamespaces: {from: Selector, selector: {matchLabels: {tier: gold}}}"
GOLD_NAMESPACE = "---\nkind: Namespace\nmetadata: {name: team-a, labels: {tier: gold}}\n"


def held(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The budget ids of the one key in *text*, and what it misses."""
    (key,) = compiled(text).snapshot.keys
    return key.budget_ids, key.missing_budgets


def test_a_budget_named_and_selecting_holds_once() -> None:
    """Two ways to one Budget are one account: a call is not charged twice."""
    text = KEY % ", budgetRefs: [{name: b}]" + BUDGET % ("b", "team-a", SELECTOR)

    assert held(text) == (("uid-Budget-team-a-b",), ())


def test_a_shared_parent_holds_once() -> None:
    """Two Budgets with one parent charge it once."""
    text = (
        KEY % ", budgetRefs: [{name: a}, {name: b}]"
        + BUDGET % ("a", "team-a", ", parentRef: {name: top}")
        + BUDGET % ("b", "team-a", ", parentRef: {name: top}")
        + BUDGET % ("top", "team-a", "")
    )

    assert held(text)[0] == ("uid-Budget-team-a-a", "uid-Budget-team-a-b", "uid-Budget-team-a-top")


def test_nobody_stops_the_keys_of_other_namespaces() -> None:
    """A Budget that admits all, selects all and allows nothing stops its own namespace and no other."""
    attack = (
        "kind: Budget\nmetadata: {name: stop, namespace: attacker}\n"
        "spec: {limit: {unit: Requests, amount: '0'}, period: {type: Once}, "
        "subject: {virtualKeySelector: {}}, allowedNamespaces: {from: All}}\n---\n"
    )

    assert held(KEY % "" + attack) == ((), ())
    assert held((KEY % "").replace("name: app", "name: app, namespace: attacker") + attack)[0] == (
        "uid-Budget-attacker-stop",
    )


@pytest.mark.parametrize("admitting", ["", ", allowedNamespaces: {from: All}", GOLD])
def test_a_foreign_budget_never_selects(admitting: str) -> None:
    """Whomever a Budget admits, it selects keys of its own namespace only."""
    text = KEY % "" + BUDGET % ("b", "finance", SELECTOR + admitting) + GOLD_NAMESPACE

    assert held(text) == ((), ())


def test_a_key_comes_under_a_foreign_budget_by_naming_it() -> None:
    """What a Budget admits and a key asks for holds, with a selector on it or without."""
    named = KEY % ", budgetRefs: [{name: b, namespace: finance}]"

    assert held(named + BUDGET % ("b", "finance", SELECTOR + GOLD) + GOLD_NAMESPACE)[0] == ("uid-Budget-finance-b",)


def test_a_selecting_budget_brings_its_foreign_parent() -> None:
    """A company's Budget holds for a namespace's keys through a Budget there that names it as its parent."""
    text = (
        KEY % ""
        + BUDGET % ("b", "team-a", SELECTOR + ", parentRef: {name: company, namespace: finance}")
        + BUDGET % ("company", "finance", ", allowedNamespaces: {from: All}")
    )

    assert held(text) == (("uid-Budget-team-a-b", "uid-Budget-finance-company"), ())


def test_what_is_not_for_you_looks_like_what_is_not_there() -> None:
    """Nobody learns from a verdict which Budgets other namespaces keep to themselves."""
    key = KEY % ", budgetRefs: [{name: b, namespace: finance}]"
    hidden = finding(compiled(key + BUDGET % ("b", "finance", "")), "VirtualKey", "app", "ResolvedRefs")
    absent = finding(compiled(key), "VirtualKey", "app", "ResolvedRefs")

    assert hidden == absent


def test_a_missing_budget_never_lets_a_key_loose() -> None:
    """Whatever is wrong with a Budget that should hold, the key is marked as refused, not as free."""
    broken = {
        "absent": "",
        "not admitting": BUDGET % ("b", "finance", ""),
        "refused": BUDGET % ("b", "finance", ", allowedNamespaces: {from: All}, parentRef: {name: b2}")
        + BUDGET % ("b2", "finance", ", parentRef: {name: b}"),
    }
    key = KEY % ", budgetRefs: [{name: b, namespace: finance}]"

    assert {why: held(key + budgets)[1] for why, budgets in broken.items()} == dict.fromkeys(broken, ("finance/b",))


def test_a_key_of_an_orphaned_budget_misses_the_parent() -> None:
    """A Budget whose parent is gone does not hold alone: both must."""
    text = KEY % ", budgetRefs: [{name: b}]" + BUDGET % ("b", "team-a", ", parentRef: {name: gone}")

    assert held(text) == (("uid-Budget-team-a-b",), ("team-a/gone",))


def test_the_nearest_way_in_is_told() -> None:
    """A Budget that is named, selects and is a parent too is told as named, and stands where that puts it."""
    text = (
        KEY % ", budgetRefs: [{name: top}, {name: b}]"
        + BUDGET % ("b", "team-a", ", parentRef: {name: top}")
        + BUDGET % ("top", "team-a", SELECTOR)
    )

    assert [
        (each["name"], each["via"]) for each in verdict(compiled(text), "VirtualKey", "app").fields["effectiveBudgets"]
    ] == [
        ("top", "Ref"),
        ("b", "Ref"),
    ]


INVALID = "kind: Budget\nmetadata: {name: b, namespace: %s}\nspec: {limit: {unit: Miles}%s}\n---\n"


@pytest.mark.parametrize(
    ("subject", "selects"),
    [
        (", subject: {virtualKeySelector: {matchLabels: {team: payments}}}", True),
        (", subject: {virtualKeySelector: {matchLabels: {team: search}}}", False),
        (", subject: {virtualKeySelector: {}}", True),
        (", subject: {virtualKeySelector: 7}", True),
        (", subject: {virtualKeySelector: }", True),
        (", subject: 7", True),
        (", subject: {models: 7}", False),
        ("", False),
    ],
)
def test_an_invalid_budget_stops_the_keys_it_selects(subject: str, *, selects: bool) -> None:
    """What a Budget that does not validate was meant to hold does not run free; keys it did not mean are untouched."""
    text = KEY % "" + INVALID % ("team-a", subject)

    assert held(text) == ((), ("team-a/b",) if selects else ())
    assert finding(compiled(text), "VirtualKey", "app", "ResolvedRefs").holds is not selects


def test_an_invalid_budget_stops_no_key_of_another_namespace() -> None:
    """A broken Budget is as little a weapon as a good one."""
    assert held(KEY % "" + INVALID % ("finance", ", subject: {virtualKeySelector: {}}")) == ((), ())


def test_a_key_that_names_an_invalid_budget_is_refused() -> None:
    """The key's verdict sends its owner to the Budget's status; elsewhere it says no more than if there were none."""
    near = KEY % ", budgetRefs: [{name: b}]"
    far = KEY % ", budgetRefs: [{name: b, namespace: finance}]"
    said = {
        namespace: finding(compiled(key + INVALID % (namespace, "")), "VirtualKey", "app", "ResolvedRefs")
        for key, namespace in ((near, "team-a"), (far, "finance"))
    }

    assert held(near + INVALID % ("team-a", "")) == ((), ("team-a/b",))
    assert held(far + INVALID % ("finance", "")) == ((), ("finance/b",))
    assert said["team-a"].reason == "BudgetNotAccepted"
    assert said["finance"] == finding(compiled(far), "VirtualKey", "app", "ResolvedRefs")


@pytest.mark.parametrize(("namespace", "reason"), [("team-a", "ParentNotAccepted"), ("finance", "ParentNotFound")])
def test_an_invalid_parent_stops_the_keys_of_its_children(namespace: str, reason: str) -> None:
    """A Budget whose parent does not validate does not hold alone."""
    text = (
        KEY % ", budgetRefs: [{name: child}]"
        + BUDGET % ("child", "team-a", f", parentRef: {{name: b, namespace: {namespace}}}")
        + INVALID % (namespace, "")
    )

    assert held(text) == (("uid-Budget-team-a-child",), (f"{namespace}/b",))
    assert finding(compiled(text), "Budget", "child", "ResolvedRefs").reason == reason


def test_only_an_invalid_budget_stands_for_a_budget() -> None:
    """Something of another kind that does not validate takes nothing away from the Budget of its name."""
    model = "kind: ModelDeployment\nmetadata: {name: b}\nspec: {}\n---\n"

    assert held(KEY % ", budgetRefs: [{name: b}]" + BUDGET % ("b", "team-a", "") + model)[1] == ()
