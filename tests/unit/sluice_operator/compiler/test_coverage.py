"""Which Budgets hold for a key."""

from unit.sluice_operator.compiler.world import compiled, finding, verdict

HASH = 'hash: {keyHash: "sha256:' + "a" * 64 + '"}'
KEY = f"kind: VirtualKey\nmetadata: {{name: app, labels: {{team: payments}}}}\nspec: {{type: Hash, {HASH}%s}}\n---\n"
BUDGET = (
    "kind: Budget\nmetadata: {name: %s, namespace: %s}\n"
    'spec: {limit: {unit: Cost, amount: "10", currency: USD}, period: {type: Once}%s}\n---\n'
)
SELECTOR = ", subject: {virtualKeySelector: {matchLabels: {team: payments}}}"


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


def test_a_foreign_budget_does_not_select_without_admitting() -> None:
    """By default a Budget selects keys of its own namespace only."""
    assert held(KEY % "" + BUDGET % ("b", "finance", SELECTOR)) == ((), ())


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


def test_a_budget_selects_only_where_it_admits() -> None:
    """A Budget open to some namespaces does not reach into the others, whatever labels keys have there."""
    gold = ", allowedNamespaces: {from: Selector, selector: {matchLabels: {tier: gold}}}" + SELECTOR
    namespace = "---\nkind: Namespace\nmetadata: {name: team-a, labels: {tier: %s}}\n"
    text = KEY % "" + BUDGET % ("b", "finance", gold)

    assert held(text + namespace % "gold")[0] == ("uid-Budget-finance-b",)
    assert held(text + namespace % "tin")[0] == ()
