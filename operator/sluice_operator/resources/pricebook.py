"""The install's price book: the entry ``prices.yaml`` of a labelled ConfigMap, read.  Decides between no two books."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Final

import yaml
from pydantic import ValidationError

from sluice_operator.providers.table import PROVIDERS
from sluice_operator.resources.base import OneOf, Value
from sluice_operator.resources.common import ModelPattern
from sluice_operator.resources.parsing import explain, null_in
from sluice_operator.resources.prices import Prices
from sluice_operator.resources.yamls import StrictLoader

PRICES_ENTRY: Final = "prices.yaml"  # the data key of the ConfigMap
MAX_ENTRIES: Final = 10_000
_MAX_PROBLEMS: Final = 50  # that are told of; a book that is all wrong needs not a word for each entry
EVERY_PROVIDER: Final = "*"

Provider = Annotated[str, OneOf((*PROVIDERS, EVERY_PROVIDER))]


class _Whom(Value):
    provider: Provider
    model: ModelPattern


class _Entry(_Whom):
    pricing: Prices


@dataclass(frozen=True, slots=True)
class Listed:
    """Prices of the models that a type of provider (or every type) knows under a name or a pattern of names.

    ``prices`` None is an entry that cannot be read: what it is for has no price, rather than another entry's.
    """

    provider: str
    model: str
    prices: Prices | None


@dataclass(frozen=True, slots=True)
class ReadBook:
    """A book as far as it can be read, and what is wrong with it, each problem naming the entry it is in."""

    listed: tuple[Listed, ...]
    problems: tuple[str, ...]


def read_book(text: str | None) -> ReadBook:
    """The book in *text*; None is a ConfigMap without the entry."""
    if text is None:
        return _unread(f"has no entry {PRICES_ENTRY}")
    try:
        content = yaml.load(text, Loader=StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        where = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        return _unread(f"{PRICES_ENTRY}: {where}{error.problem or 'is not YAML'}")
    except (yaml.YAMLError, ValueError, RecursionError):
        return _unread(f"{PRICES_ENTRY}: is not YAML")
    if not isinstance(content, list):
        return _unread(f"{PRICES_ENTRY}: should be a list of entries with provider, model and pricing")
    if len(content) > MAX_ENTRIES:
        return _unread(f"{PRICES_ENTRY}: has more than {MAX_ENTRIES} entries")
    return _read(content)


def _unread(problem: str) -> ReadBook:
    return ReadBook((), (problem,))


def _read(content: list[Any]) -> ReadBook:
    listed: dict[tuple[str, str], Listed] = {}
    problems: list[str] = []
    for number, item in enumerate(content, start=1):
        found, problem = _entry(item)
        if found is not None:
            whom = (found.provider, found.model)
            if whom in listed:
                problem = problem or "is there twice"
            listed[whom] = found if problem is None else Listed(*whom, None)
        if problem is not None:
            about = "" if found is None else f" ({found.provider}, {found.model})"
            problems.append(f"entry {number}{about}: {problem}")
    if len(problems) > _MAX_PROBLEMS:
        problems[_MAX_PROBLEMS:] = [f"and {len(problems) - _MAX_PROBLEMS} more"]
    return ReadBook(tuple(listed.values()), tuple(problems))


def _entry(item: Any) -> tuple[Listed | None, str | None]:  # noqa: ANN401 - whatever a book holds
    """The entry as far as it can be read, and what is wrong with it."""
    try:
        _Entry.model_validate(item, strict=False)  # so it is small, whatever YAML's aliases stand for
        if path := null_in(item, ""):
            return _whom(item), f"{path.removeprefix('.')}: has no value: give it one or leave it out"
        entry = _Entry.model_validate_json(json.dumps(item))
    except ValidationError as error:
        return _whom(item), explain(error)
    return Listed(entry.provider, entry.model, entry.pricing), None


def _whom(item: Any) -> Listed | None:  # noqa: ANN401
    if not isinstance(item, dict):
        return None
    try:
        whom = _Whom.model_validate({name: item.get(name) for name in ("provider", "model")})
    except ValidationError:
        return None
    return Listed(whom.provider, whom.model, None)
