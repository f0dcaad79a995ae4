"""Words that several kinds share: metadata, references, amounts, durations, limits, selectors."""

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from sluice_operator.resources.base import JSON_DEFAULT, ListOf, Rule, Value

Kind = Literal["ModelDeployment", "VirtualKey", "Budget", "ModelProvider"]
LimitUnit = Literal["Requests", "InputTokens", "OutputTokens", "TotalTokens"]
Currency = Literal["USD"]

MAX_COUNT: Final = 999_999_999_999  # tokens or requests; far below 2^53, to which the counters are exact

_DNS: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DURATION: Final = r"^([0-9]{1,6}(ms|s|m|h)){1,3}$"
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:]{8}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})")
_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


def duration_ms(value: Any) -> int:  # noqa: ANN401 - what a manifest holds there
    """The milliseconds of a Go duration such as ``1m30s``.

    Raises:
        PydanticCustomError: *value* is none.
    """
    if not isinstance(value, str) or not re.fullmatch(_DURATION[1:-1], value):
        raise PydanticCustomError("duration", "should be a duration such as 500ms, 90s, 1m30s or 720h")
    return sum(int(count) * _MS[unit] for count, unit in re.findall(r"([0-9]+)(ms|s|m|h)", value))


def _moment(value: Any) -> datetime:  # noqa: ANN401
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value.upper())
    except ValueError:
        pass
    raise PydanticCustomError("moment", "should be a moment with a time zone, such as 2027-01-01T00:00:00Z")


def between(low: str, high: str) -> Rule:
    """A duration from *low* to *high*, both included."""
    low_ms, high_ms = duration_ms(low), duration_ms(high)
    return Rule(
        cel=f"duration(self) >= duration('{low}') && duration(self) <= duration('{high}')",
        message=f"should be a duration from {low} to {high}",
        holds=lambda ms: low_ms <= ms <= high_ms,
    )


def duration_default(text: str) -> Any:  # noqa: ANN401 - as pydantic's Field
    """A field's default, as manifests write it."""
    return Field(default=duration_ms(text), json_schema_extra={JSON_DEFAULT: text})


DurationMs = Annotated[
    int, PlainValidator(duration_ms), WithJsonSchema({"type": "string", "pattern": _DURATION, "maxLength": 27})
]
Moment = Annotated[
    datetime, PlainValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40})
]
Amount = Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?$", max_length=22)]  # decimal; see contract.money
Text = Annotated[str, Field(min_length=1, max_length=253)]
Name = Annotated[str, Field(pattern=rf"^{_DNS}(\.{_DNS})*$", max_length=253)]
Label = Annotated[str, Field(pattern=rf"^{_DNS}$", max_length=63)]
DataKey = Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)]
ModelPattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/@+*-]+$", max_length=253)]
LabelKey = Annotated[
    str, Field(pattern=r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", max_length=317)
]
LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)]
LabelMap = Annotated[dict[str, LabelValue], Field(max_length=16)]


class Meta(Value):
    """Who a resource is.  ``creation_timestamp`` is None outside a cluster."""

    model_config = ConfigDict(extra="ignore")

    name: Name
    namespace: Label
    uid: Text
    generation: int = 1
    creation_timestamp: Moment | None = None
    labels: dict[str, str] = Field(default_factory=dict)


class ObjectRef(Value):
    """Another resource; without ``namespace`` it is in the same one."""

    name: Name
    namespace: Label | None = None


class LocalRef(Value):
    """Another resource of the same namespace."""

    name: Name


class EntryRef(Value):
    """One entry of a Secret or ConfigMap of the same namespace."""

    name: Name
    key: DataKey


class Limit(Value):
    """So many per window, which flow back evenly; an ``amount`` of 0 allows nothing."""

    name: Label
    unit: LimitUnit
    amount: Annotated[int, Field(ge=0, le=MAX_COUNT)]
    window: Annotated[DurationMs, between("1s", "24h")]
    burst: Annotated[int, Field(ge=1, le=MAX_COUNT)] | None = None
    """How many at once; by default the amount.  Any window admits at most amount + burst, so by default up to twice the
    amount: set a small burst for strict pacing.  A single call above the burst passes when nothing else was used."""


Limits = Annotated[
    tuple[Limit, ...],
    Field(max_length=8),
    ListOf(("name",)),
    Rule(
        cel="self.all(a, self.exists_one(b, b.unit == a.unit && duration(b.window) == duration(a.window)))",
        message="two limits have the same unit and window",
        holds=lambda limits: len({(limit.unit, limit.window) for limit in limits}) == len(limits),
    ),
]


class LabelRequirement(Value):
    """One condition on a label."""

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Annotated[tuple[LabelValue, ...], Field(max_length=32), ListOf()] = ()

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
            message="In and NotIn need values; Exists and DoesNotExist take none",
            holds=lambda it: (it.operator in ("In", "NotIn")) == bool(it.values),
        ),
    )


class LabelSelector(Value):
    """Objects whose labels meet every condition; with no condition, all."""

    match_labels: LabelMap = Field(default_factory=dict)
    match_expressions: Annotated[tuple[LabelRequirement, ...], Field(max_length=16)] = ()

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.matchLabels) || self.matchLabels.all(k,"
            " size(k) <= 317 && k.matches('^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$'))",
            message="matchLabels: a key is no label's name",
            holds=lambda it: all(_is_label_key(key) for key in it.match_labels),
        ),
    )


def _is_label_key(key: str) -> bool:
    return (
        len(key) <= 317
        and re.fullmatch(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", key) is not None
    )


class NamespaceSelector(Value):
    """Whose namespaces may; only its own by default."""

    from_: Literal["All", "Same", "Selector"] = "Same"
    selector: LabelSelector | None = None
    """Of the namespaces' labels."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(self.from == 'Selector') == has(self.selector)",
            message="from: Selector needs a selector, All and Same take none",
            holds=lambda it: (it.from_ == "Selector") == (it.selector is not None),
        ),
    )


class OpenNamespaceSelector(NamespaceSelector):
    """Whose namespaces may; all by default."""

    from_: Literal["All", "Same", "Selector"] = "All"


class Resource(Value):
    """Base of the four kinds."""

    api_version: Literal["sluice.dev/v1alpha1"]
    metadata: Meta

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="size(self.metadata.name) <= 63",
            message="metadata.name: at most 63 characters",
            holds=lambda it: len(it.metadata.name) <= 63,
        ),
    )
