"""Where token services may be: the rules of addresses hold, redirects are not followed, waits end."""

import asyncio
from collections.abc import Sequence

import pytest

from sluice_dataplane.upstream.address import Resolver
from sluice_dataplane.upstream.client import HttpUpstreams
from sluice_dataplane.upstream.identity import asking
from sluice_dataplane.upstream.identity.answers import MAX_ANSWER_BYTES
from sluice_dataplane.upstream.identity.asking import split
from sluice_dataplane.upstream.identity.grants import IdentityFailedError
from sluice_dataplane.upstream.seam import AttemptFailedError
from support.identities import Bench, identified
from support.identity_cases import CASES
from support.token_servers import CLIENT_SECRET, Fault


def _params(token_url: str) -> dict[str, str]:
    return {**CASES["oauth2-basic"].params, "tokenURL": token_url}


async def _refusal(bench: Bench, token_url: str, *, private: bool) -> str:
    upstream = bench.upstream("OAuth2", _params(token_url), allow_private_network=private)
    with pytest.raises(AttemptFailedError) as caught:
        await bench.headers(upstream, CLIENT_SECRET)
    assert caught.value.cause == "Refused"
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "private", "why"),
    [
        ("{url}/oauth/token", False, "needs https"),
        ("https://127.0.0.1/token", False, "no address that may be called"),
        ("https://169.254.169.254/token", True, "no address that may be called"),
        ("http://169.254.170.23/v1/credentials", True, "no address that may be called"),
        ("http://[fd00:ec2::23]/", True, "no address that may be called"),
    ],
)
async def test_a_secret_does_not_go_to_an_address_that_is_not_allowed(url: str, private: bool, why: str) -> None:
    """Private ones only where allowPrivateNetwork says so, metadata services never."""
    async with identified() as bench:
        told = await _refusal(bench, url.replace("{url}", bench.servers.url), private=private)

        assert why in told
        assert bench.servers.asked == []


async def test_a_name_is_judged_by_its_addresses() -> None:
    """A public name that leads to a private address is refused like the address itself."""

    async def lookup(host: str) -> Sequence[str]:
        return ["10.0.0.5"]

    http = HttpUpstreams(Resolver(lookup, clock_s=asyncio.get_running_loop().time))
    async with identified(http=http) as bench:
        told = await _refusal(bench, "https://tokens.example/x", private=False)

    assert "tokens.example has no address that may be called" in told


async def test_a_redirect_is_not_followed() -> None:
    """The secret never reaches where it points."""
    async with identified() as bench, identified() as elsewhere:
        bench.servers.faults.append(Fault(307, b"", f"{elsewhere.servers.url}/oauth/token"))
        told = await _refusal(bench, f"{bench.servers.url}/oauth/token", private=True)

        assert "answered 307" in told
        assert (len(bench.servers.asked), elsewhere.servers.asked) == (1, [])


async def test_an_answer_has_a_bound() -> None:
    """No token is as long as that."""
    async with identified() as bench:
        bench.servers.faults.append(Fault(200, b"x" * (MAX_ANSWER_BYTES + 1)))
        told = await _refusal(bench, f"{bench.servers.url}/oauth/token", private=True)

    assert "longer than" in told


async def test_a_service_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fetch ends by itself, so that another may begin."""
    monkeypatch.setattr(asking, "ASK_S", 0.05)
    async with identified() as bench:
        bench.servers.gate.clear()
        told = await _refusal(bench, f"{bench.servers.url}/oauth/token", private=True)

    assert "did not answer in time" in told


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/a/b?c=d", ("https://h", "/a/b?c=d")),
        ("https://h:8443", ("https://h:8443", "/")),
        ("https://[::1]/x", ("https://[::1]", "/x")),
    ],
)
def test_a_url_is_where_and_what(url: str, expected: tuple[str, str]) -> None:
    """Its query goes along."""
    assert split(url, plain_allowed=False) == expected


@pytest.mark.parametrize("url", ["http://h/", "https:///x", "https://u:p@h/", "https://h/#f", "https://[", "", "h"])
def test_a_url_that_a_secret_may_not_be_sent_to_is_refused(url: str) -> None:
    """Nothing is guessed, and the URL is not quoted: it may hold a secret."""
    with pytest.raises(IdentityFailedError) as caught:
        split(url, plain_allowed=False)

    assert "u:p" not in str(caught.value)
