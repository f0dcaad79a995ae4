"""Budget: one limit per period for the keys it covers.  Counts nothing; resolves no reference and no time zone."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from sluice_contract.money import MAX_BUDGET_NUSD, parse_usd
from sluice_operator.resources.base import ListOf, Rule, Value
from sluice_operator.resources.common import (
    Amount,
    Currency,
    DurationMs,
    Label,
    LabelSelector,
    LocalRef,
    ModelPattern,
    Moment,
    NamespaceSelector,
    ObjectRef,
    Resource,
    Text,
    between,
)

BudgetUnit = Literal["Cost", "TotalTokens", "InputTokens", "OutputTokens", "Requests"]


def _nano_cel(amount: str) -> str:
    fraction = f"({amount}.split('.')[1] + '000000000').substring(0, 9)"
    return f"int({amount}.split('.')[0]) * 1000000000 + ({amount}.contains('.') ? int({fraction}) : 0)"


_MAX_CEL: Final = MAX_BUDGET_NUSD
_DOWNGRADES_CEL: Final = (
    "(has(self.enforcement) && has(self.enforcement.onExhausted) && self.enforcement.onExhausted == 'Downgrade')"
    " || (has(self.thresholds) && self.thresholds.exists(t, t.action == 'Downgrade'))"
)


class BudgetLimit(Value):
    """How much per period; ``0`` allows nothing."""

    unit: BudgetUnit
    amount: Amount
    """US dollars for Cost, else tokens or requests."""
    currency: Currency | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(self.unit == 'Cost') == has(self.currency)",
            message="currency: required for Cost, and for nothing else",
            holds=lambda it: (it.unit == "Cost") == (it.currency is not None),
        ),
        Rule(
            cel="self.unit == 'Cost' || !self.amount.contains('.')",
            message="amount: tokens and requests are whole numbers",
            holds=lambda it: it.unit == "Cost" or "." not in it.amount,
        ),
        Rule(
            cel="self.unit != 'Cost' || int(self.amount.split('.')[0]) < 9000000"
            r" || self.amount.matches('^0*9000000(\\.0+)?$')",
            message="amount: at most 9000000 for Cost",
            holds=lambda it: it.unit != "Cost" or parse_usd(it.amount) <= MAX_BUDGET_NUSD,
        ),
        Rule(
            cel="self.unit == oldSelf.unit && has(self.currency) == has(oldSelf.currency)"
            " && (!has(self.currency) || self.currency == oldSelf.currency)",
            message="unit and currency are immutable: make a new Budget",
            holds=None,
        ),
    )


class Calendar(Value):
    """Windows of the calendar of a time zone."""

    unit: Literal["Day", "Week", "Month", "Quarter", "Year"]
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$", max_length=64)] = "UTC"
    """An IANA name such as Europe/Helsinki."""
    start_day: Annotated[int, Field(ge=1, le=28)] = 1
    """Of the month, 1 to 28; of the week, 1 (Monday) to 7."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.unit == 'Month' || self.startDay == 1 || (self.unit == 'Week' && self.startDay <= 7)",
            message="startDay: only for Month, and from 1 (Monday) to 7 for Week",
            holds=lambda it: it.unit == "Month" or it.start_day == 1 or (it.unit == "Week" and it.start_day <= 7),
        ),
    )


class Rolling(Value):
    """Always the last so long."""

    duration: Annotated[DurationMs, between("1m", "9600h")]
    """Such as 24h.  What was spent counts for so long, and at most a sixtieth of it longer."""


class Period(Value):
    """What spending counts together: that of a calendar's period, that of the last hours or days, or all of it."""

    type: Literal["Calendar", "Rolling", "Once"]
    calendar: Calendar | None = None
    rolling: Rolling | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(self.type == 'Calendar') == has(self.calendar) && (self.type == 'Rolling') == has(self.rolling)",
            message="type: Calendar needs calendar, Rolling needs rolling, Once takes neither",
            holds=lambda it: (
                (it.type == "Calendar") == (it.calendar is not None)
                and (it.type == "Rolling") == (it.rolling is not None)
            ),
        ),
    )


class Subject(Value):
    """Which keys of this namespace are covered besides those that name it, and which of their calls."""

    virtual_key_selector: LabelSelector | None = None
    """By the labels of this namespace's VirtualKeys; ``{}`` covers them all.  Keys of other namespaces are never
    selected: they name the Budget."""
    models: Annotated[tuple[ModelPattern, ...], Field(min_length=1, max_length=64), ListOf()] | None = None
    """Only calls to these count; omitted: all."""


class Enforcement(Value):
    """What happens at the limit, without a price, and while the counters cannot be reached."""

    mode: Literal["Reserve", "PostCharge", "Observe"] = "Reserve"
    on_exhausted: Literal["Reject", "Downgrade", "Warn"] = "Reject"
    """Downgrade: serve what the Budget does not hold with another model, if it holds that one."""
    downgrade_model_ref: LocalRef | None = None
    """The ModelDeployment that Downgrade means: of this namespace.  Keys need not be allowed to ask for it."""
    failure_mode: Literal["Lease", "Closed", "Open"] = "Lease"
    """While the counters are away, a replica spends what it holds in advance (Lease), nothing, or freely."""
    unpriced_models: Literal["Reject", "Allow"] = "Reject"


class Threshold(Value):
    """At which percentage of the limit to say something, and how."""

    percent: Annotated[int, Field(ge=1, le=100)]
    action: Literal["Event", "Header", "Downgrade"]
    """Downgrade: from here on calls go to enforcement.downgradeModelRef straight away."""


class Adjustment(Value):
    """A raise of the limit that ends by itself."""

    name: Label
    amount: Amount
    expires_at: Moment | None = None
    reason: Text | None = None


class BudgetSpec(Value):
    """What is wanted of a budget."""

    limit: BudgetLimit
    period: Period
    subject: Subject = Subject()
    per: Literal["Subject", "VirtualKey", "User"] = "Subject"
    """Subject: one pot for all.  Else each key, or each user, has the whole limit."""
    parent_ref: ObjectRef | None = None
    """A Budget that must hold too."""
    allowed_namespaces: NamespaceSelector = NamespaceSelector()
    """Whose keys and Budgets may name it, in budgetRefs and parentRef; it selects no key of theirs by itself."""
    enforcement: Enforcement = Enforcement()
    thresholds: Annotated[tuple[Threshold, ...], Field(max_length=10), ListOf(("percent", "action"))] = ()
    adjustments: Annotated[tuple[Adjustment, ...], Field(max_length=16), ListOf(("name",))] = ()

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.limit.unit == 'Cost' || !has(self.adjustments)"
            " || !self.adjustments.exists(a, a.amount.contains('.'))",
            message="adjustments: tokens and requests are whole numbers",
            holds=lambda it: it.limit.unit == "Cost" or not any("." in a.amount for a in it.adjustments),
        ),
        Rule(
            cel="self.limit.unit != 'Cost' || !has(self.adjustments)"
            " || (self.adjustments.all(a, int(a.amount.split('.')[0]) <= 9000000)"
            " && int(self.limit.amount.split('.')[0]) <= 9000000"
            f" && {_nano_cel('self.limit.amount')} + self.adjustments.map(a, {_nano_cel('a.amount')}).sum()"
            f" <= {_MAX_CEL})",
            message="adjustments: at most 9000000 for Cost, together with the limit",
            holds=lambda it: it.limit.unit != "Cost" or _total_nusd(it) <= MAX_BUDGET_NUSD,
        ),
        Rule(
            cel=f"({_DOWNGRADES_CEL}) == (has(self.enforcement) && has(self.enforcement.downgradeModelRef))",
            message="enforcement.downgradeModelRef: required for Downgrade, and for nothing else",
            holds=lambda it: _downgrades(it) == (it.enforcement.downgrade_model_ref is not None),
        ),
        Rule(
            cel="!has(self.thresholds) || self.thresholds.filter(t, t.action == 'Downgrade').size() <= 1",
            message="thresholds: only one may be for Downgrade",
            holds=lambda it: sum(each.action == "Downgrade" for each in it.thresholds) <= 1,
        ),
        Rule(
            cel="!has(self.enforcement) || !has(self.enforcement.mode) || self.enforcement.mode != 'Observe'"
            f" || !({_DOWNGRADES_CEL})",
            message="enforcement.mode: Observe changes no call, so it takes no Downgrade",
            holds=lambda it: it.enforcement.mode != "Observe" or not _downgrades(it),
        ),
        Rule(
            cel="self.per == oldSelf.per",
            message="per is immutable: make a new Budget",
            holds=None,
        ),
    )


def _downgrades(spec: BudgetSpec) -> bool:
    rules = spec.enforcement
    return rules.on_exhausted == "Downgrade" or any(each.action == "Downgrade" for each in spec.thresholds)


def _total_nusd(spec: BudgetSpec) -> int:
    return sum(map(parse_usd, (spec.limit.amount, *(a.amount for a in spec.adjustments))))


class Budget(Resource):
    """One limit (cost, tokens or requests) per period for the keys it covers."""

    kind: Literal["Budget"]
    spec: BudgetSpec

    rules: ClassVar[tuple[Rule, ...]] = (
        *Resource.rules,
        Rule(
            cel="!has(self.spec.parentRef) || has(self.spec.parentRef.__namespace__)"
            " || self.spec.parentRef.name != self.metadata.name",
            message="parentRef: a Budget cannot be its own parent",
            holds=lambda it: it.spec.parent_ref is None or not _names(it.spec.parent_ref, it),
        ),
    )

    def amount_of(self, amount: str) -> int:
        """*amount* (the limit's or an adjustment's) in what is counted: nano-USD for Cost, else tokens or requests."""
        return parse_usd(amount) if self.spec.limit.unit == "Cost" else int(amount)


def _names(ref: ObjectRef, budget: Budget) -> bool:
    return (ref.namespace or budget.metadata.namespace, ref.name) == (budget.metadata.namespace, budget.metadata.name)
