"""What every schema is made of: frozen values, and rules that hold in Python and in the API server alike.

A rule is written once, beside the fields it is about: the CEL expression that the API server runs, and the
predicate that :func:`sluice_operator.resources.parse` runs where there is no API server.  Knows no kind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

VALIDATIONS: Final = "x-kubernetes-validations"
LIST_TYPE: Final = "x-kubernetes-list-type"
LIST_MAP_KEYS: Final = "x-kubernetes-list-map-keys"
JSON_DEFAULT: Final = "x-default"  # a default as manifests write it, where Python holds another form of it

_SPELLED: Final = {
    "access_key_id": "accessKeyID",
    "account_id": "accountID",
    "azure_ad": "azureAD",
    "base_url": "baseURL",
    "client_id": "clientID",
    "role_arn": "roleARN",
    "sts_url": "stsURL",
    "tenant_id": "tenantID",
    "token_url": "tokenURL",
    "allowed_cidrs": "allowedCIDRs",
    "key_id": "keyID",
    "from_": "from",
    "cache_write_1h_per_million": "cacheWrite1hPerMillion",
}

JsonSchema = dict[str, Any]


def alias_of(attribute: str) -> str:
    """The manifest's name of *attribute*: camelCase, acronyms as Kubernetes writes them."""
    return _SPELLED.get(attribute) or to_camel(attribute)


def cel_string(text: str) -> str:
    """*text* as a literal of CEL, for patterns that both sides share."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise about a value.  Use it in ``Annotated`` for a field, or in ``rules`` of a class for its whole.

    ``holds`` None is a rule about a change (it reads ``oldSelf``), which only the API server can know.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool] | None

    def check(self, value: Any) -> Any:  # noqa: ANN401 - whatever the annotated field holds
        """*value* itself.

        Raises:
            PydanticCustomError: the rule does not hold; the text is the rule's own and quotes nothing.
        """
        if self.holds is not None and not self.holds(value):
            raise PydanticCustomError("rule", self.message)
        return value

    def as_validation(self) -> JsonSchema:
        """The entry of ``x-kubernetes-validations``."""
        return {"rule": self.cel, "message": self.message}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        json = handler(schema)
        return {**json, VALIDATIONS: [*json.get(VALIDATIONS, ()), self.as_validation()]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose members are told apart by *keys* (attributes), or as a whole where there are none."""

    keys: tuple[str, ...] = ()

    def check(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        """*items* themselves.

        Raises:
            PydanticCustomError: two members are the same.
        """
        seen = {tuple(getattr(item, key) for key in self.keys) if self.keys else item for item in items}
        if len(seen) != len(items):
            raise PydanticCustomError("duplicate", self._message())
        return items

    def _message(self) -> str:
        return (
            f"two members have the same {' and '.join(map(alias_of, self.keys))}"
            if self.keys
            else "two members are the same"
        )

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        if not self.keys:
            return {**handler(schema), LIST_TYPE: "set"}
        return {**handler(schema), LIST_TYPE: "map", LIST_MAP_KEYS: [alias_of(key) for key in self.keys]}


@dataclass(frozen=True, slots=True)
class OneOf:
    """A text that is one of *texts*, which are data and not known before the program runs."""

    texts: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.literal_schema(list(self.texts))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        return {"type": "string", "enum": list(self.texts)}


class Value(BaseModel):
    """Base of everything a manifest holds: immutable, strict, unknown fields refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=alias_of,
        use_attribute_docstrings=True,
        protected_namespaces=(),
        # A refused manifest may hold a secret in the wrong place: errors never carry what was read.
        hide_input_in_errors=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for rule in self.rules:
            rule.check(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        json = handler.resolve_ref_schema(handler(schema))
        if cls.rules:
            json[VALIDATIONS] = [rule.as_validation() for rule in cls.rules]
        return json
