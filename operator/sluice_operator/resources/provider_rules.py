"""The rules of an account that follow from the provider table: who takes which auth, dialect and parameter."""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from sluice_operator.providers.row import AuthType, Dialect, Parameter, Provider
from sluice_operator.providers.table import ECHO, PROVIDERS
from sluice_operator.resources.address import INWARD_URL
from sluice_operator.resources.base import Rule, alias_of


def types_where(holds: Callable[[Provider], object]) -> list[str]:
    """The types whose row *holds*, in the order of the table."""
    return [name for name, row in PROVIDERS.items() if holds(row)]


WITHOUT_DEFAULT_URL: Final = [name for name in types_where(lambda row: row.base_url is None) if name != ECHO]
OWN: Final = types_where(lambda row: row.own)


def is_url(text: str) -> bool:
    """Whether *text* can be read as a URL, port included."""
    try:
        return urlsplit(text).port is not False
    except ValueError:
        return False


def is_outward(url: str) -> bool:
    """Whether *url* is https and does not plainly point inside."""
    return url.startswith("https://") and re.search(INWARD_URL, url) is None


def is_echo_delay(header: str, value: str) -> bool:
    """Whether this is the one header that Echo takes."""
    return header == "chunk-delay-ms" and re.fullmatch("[0-9]{1,3}|[1-4][0-9]{3}|5000", value) is not None


def takes(auth: AuthType) -> Rule:
    """Which types take *auth*."""
    types = types_where(lambda row: auth in row.auths)
    return Rule(
        cel=f"!has(self.type) || !has(self.auth) || self.auth.type != '{auth}' || self.type in {types}",
        message=f"auth: {auth} is taken by {', '.join(types)}",
        holds=lambda it: it.type is None or it.auth is None or it.auth.type != auth or it.type in types,
    )


def speaks(dialect: Dialect, *, default: str = "") -> Rule:
    """Which types speak *dialect*, or can be told to; *default* is the type where none is said."""
    types = types_where(lambda row: dialect in row.dialects() or dialect in row.wider)
    unsaid = "true" if default in ("", *types) else "false"
    return Rule(
        cel=f"!has(self.dialects) || !('{dialect}' in self.dialects)"
        f" || (has(self.type) ? self.type in {types} : {unsaid})",
        message=f"dialects: {dialect} is spoken by {', '.join(types)}",
        holds=lambda it: dialect not in it.dialects or it.type is None or it.type in types,
    )


def parameter(attribute: str, name: Parameter, *, default: bool = False) -> tuple[Rule, ...]:
    """The rules for one parameter: who takes it, and who cannot do without it."""
    takers = types_where(lambda row: row.takes(name))
    always = types_where(lambda row: row.needs(name))
    said = f"has(self.{alias_of(attribute)})"
    rules = [
        Rule(
            cel=f"!{said} || (has(self.type) && self.type in {takers})",
            message=f"{name}: only for {', '.join(takers)}",
            holds=lambda it: getattr(it, attribute) is None or it.type in takers,
        ),
    ]
    if not default:
        rules.append(
            Rule(
                cel=f"{said} || !has(self.type) || !(self.type in {takers})"
                f" || (has(self.baseURL) && !(self.type in {always}))",
                message=f"{name}: required for {', '.join(takers)}",
                holds=lambda it: (
                    getattr(it, attribute) is not None
                    or it.type not in takers
                    or (it.base_url is not None and it.type not in always)
                ),
            )
        )
    return tuple(rules)
