"""A provider's own routes: only what is allowed, by whatever spelling."""

import re
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.passed.through import PASSTHROUGH, may_call
from sluice_dataplane.errors import UnknownRouteError
from sluice_dataplane.exchange import Route
from support import builders

ALLOWED = ("GET /files*", "POST /batches", "* /v1/tunings/*")


@pytest.mark.parametrize(
    ("method", "path", "may"),
    [
        ("GET", "/files", True),
        ("GET", "/files/f1/content", True),
        ("POST", "/batches", True),
        ("DELETE", "/v1/tunings/x", True),
        ("DELETE", "/files/f1", False),
        ("POST", "/batches/b1/cancel", False),
        ("GET", "/models", False),
        ("get", "/files", False),
        ("GET", "/files/../admin", False),
        ("GET", "/files/%2e%2e/admin", False),
        ("GET", "/files%2f..", False),
        ("GET", "/files/a%5c..%5cb", False),
        ("GET", "/files//x", False),
        ("GET", "/files\\..", False),
    ],
)
def test_a_route_is_allowed_as_it_is_written(method: str, path: str, may: bool) -> None:
    """A star stands for anything; a path that climbs, or hides that it does, is never allowed."""
    assert may_call(ALLOWED, method, path) is may


def test_nothing_is_allowed_by_default() -> None:
    """No list, no route."""
    assert not may_call((), "GET", "/files")


def test_a_provider_that_allows_nothing_is_not_there() -> None:
    """A name that is a model's, or nobody's, is no provider's."""
    table = builders.table(models=(builders.model(), builders.model("/passthrough/a/b", passthrough=ALLOWED)))
    call = builders.exchange(of=table, endpoint="passthrough")

    for id_, tail in (("echo", "/files"), ("a/c", "/files"), ("a/b", "/other")):
        with pytest.raises(UnknownRouteError):
            PASSTHROUGH.read_ask(msgspec.structs.replace(call, route=Route(method="GET", id=id_, tail=tail)))
    ask = PASSTHROUGH.read_ask(msgspec.structs.replace(call, route=Route(method="GET", id="a/b", tail="/files")))
    assert (ask.model, ask.stream) == ("/passthrough/a/b", True)


@given(st.text("a/", max_size=12), st.lists(st.sampled_from(["a", "/", "*", "a/a"]), max_size=8).map("".join))
def test_a_pattern_means_what_it_says(path: str, pattern: str) -> None:
    """As a regular expression with ``.*`` for each star would."""
    expected = re.fullmatch("GET /" + ".*".join(map(re.escape, pattern.split("*"))), "GET /" + path) is not None

    assert may_call(("GET /" + pattern,), "GET", "/" + path) == (expected and "//" not in "/" + path)


def test_a_path_made_to_be_dear_is_not() -> None:
    """Several stars and thousands of places where each could begin: each is looked for once."""
    began = time.process_time()

    assert not may_call(("* /v1/*/x*/y*/x*/z",), "GET", "/v1" + "/x/y" * 2_000)
    assert time.process_time() - began < 2
