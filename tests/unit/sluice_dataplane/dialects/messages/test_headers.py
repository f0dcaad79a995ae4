"""Anthropic's wire: which headers of a client go on."""

import pytest

from sluice_contract.quirks import VERTEX_CLAUDE
from sluice_dataplane.dialects.messages.headers import request_headers

JSON = ("content-type", "application/json")


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
def test_the_client_s_version_goes_on(version: str) -> None:
    """Both versions of the API mean different bodies: it is the client's to say which."""
    assert request_headers((("anthropic-version", version),), ()) == (JSON, ("anthropic-version", version))


def test_a_client_that_names_no_version_has_the_first() -> None:
    """As one that speaks another wire; the provider requires one."""
    assert request_headers((), ()) == (JSON, ("anthropic-version", "2023-06-01"))


def test_betas_go_on_in_one_header() -> None:
    """However often the client sends it."""
    sent = request_headers((("anthropic-beta", "a"), ("x", "y"), ("anthropic-beta", "b,c")), ())

    assert sent[2:] == (("anthropic-beta", "a,b,c"),)


@pytest.mark.parametrize(
    "name",
    [
        *("x-api-key", "authorization", "anthropic-dangerous-direct-browser-access", "anthropic-workspace-id"),
        *("anthropic-user-profile-id", "x-claude-code-session-id", "x-app", "cookie", "anthropic-anything"),
    ],
)
def test_no_other_header_goes_on(name: str) -> None:
    """Credentials, accounts and sessions stay here."""
    assert name not in dict(request_headers(((name, "v"),), ()))


def test_vertex_has_the_version_in_the_body() -> None:
    """Betas stay headers."""
    client = (("anthropic-version", "2023-06-01"), ("anthropic-beta", "a"))

    assert request_headers(client, (VERTEX_CLAUDE,)) == (JSON, ("anthropic-beta", "a"))
