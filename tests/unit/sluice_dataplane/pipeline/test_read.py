"""What is asked: a provider's own route is there for those alone who may use it."""

import msgspec
import pytest

from sluice_dataplane.errors import UnknownRouteError
from sluice_dataplane.exchange import Exchange, Principal, Route
from sluice_dataplane.pipeline.read import read
from support import builders

PATHS = ("GET /files*",)


def asked(*, tail: str, namespaces: tuple[str, ...] | None) -> tuple[Exchange, Principal]:
    """A call of a provider's route, which keys of *namespaces* may use."""
    through = builders.model("/passthrough/a/b", passthrough=PATHS, namespaces=namespaces)
    of = builders.table(models=(builders.model(), through))
    call = builders.exchange(of=of, endpoint="passthrough")
    route = Route(method="GET", id="a/b", tail=tail)
    return msgspec.structs.replace(call, route=route), Principal(next(iter(of.proofs.values())).key, "c1")


def refused(*, tail: str, namespaces: tuple[str, ...] | None) -> str:
    """What such a call is told."""
    with pytest.raises(UnknownRouteError) as told:
        read(*asked(tail=tail, namespaces=namespaces))
    return str(told.value).replace(tail, "/…")


def test_a_route_that_is_open_to_others_looks_like_one_that_is_closed() -> None:
    """Which routes a provider opens is not said to keys of namespaces that it does not admit."""
    assert refused(tail="/files", namespaces=("elsewhere",)) == refused(tail="/models", namespaces=None)
    assert read(*asked(tail="/files", namespaces=None)).model == "/passthrough/a/b"
