"""Provider accounts: where a request may go, and which headers may be fixed."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.resources import Invalid, ModelProvider, parse

INWARD = "baseURL: without allowPrivateNetwork it is https and no private, loopback or metadata address"
NETWORKS = [
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    )
]


def provider(**spec: Any) -> ModelProvider | Invalid:
    """What parse makes of a provider."""
    auth = {"type": "APIKey", "apiKey": {"secretRef": {"name": "a", "key": "b"}}}
    result = parse(
        {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "ModelProvider",
            "metadata": {"name": "a"},
            "spec": {"type": "OpenAI", "auth": auth, **spec},
        }
    )
    assert isinstance(result, ModelProvider | Invalid)
    return result


def is_inward(url: str) -> bool:
    """Whether *url* is refused for pointing inside."""
    result = provider(baseURL=url)
    return isinstance(result, Invalid) and INWARD in result.message


@given(st.ip_addresses(v=4) | st.sampled_from(NETWORKS).flatmap(lambda n: st.ip_addresses(network=n)))
def test_ipv4_address_is_inward_exactly_when_its_network_is(address: ipaddress.IPv4Address) -> None:
    """The pattern that CEL and Python share agrees with address arithmetic."""
    assert is_inward(f"https://{address}/v1") == any(address in network for network in NETWORKS)


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_edges_of_each_inward_network_are_right(network: ipaddress.IPv4Network) -> None:
    """The first and the last address are inside, their neighbours are not (unless another network has them)."""
    assert is_inward(f"https://{network[0]}")
    assert is_inward(f"https://{network[-1]}:8443")
    for neighbour in (int(network[0]) - 1, int(network[-1]) + 1):
        if 0 <= neighbour < 2**32:
            address = ipaddress.IPv4Address(neighbour)
            assert is_inward(f"https://{address}") == any(address in other for other in NETWORKS)


@given(st.ip_addresses(v=6))
def test_ipv6_address_that_is_not_public_is_inward(address: ipaddress.IPv6Address) -> None:
    """Only 2000::/3 is let out, and of it not 6to4, which wraps any IPv4 address."""
    public = address in ipaddress.IPv6Network("2000::/3") and address not in ipaddress.IPv6Network("2002::/16")

    assert is_inward(f"https://[{address}]/v1") == (not public)


def test_private_network_is_allowed_when_said() -> None:
    """AllowPrivateNetwork opens addresses and plain HTTP alike."""
    result = provider(baseURL="http://10.0.0.1:8000/v1", allowPrivateNetwork=True)

    assert isinstance(result, ModelProvider)
    assert result.spec.base_url == "http://10.0.0.1:8000/v1"


@pytest.mark.parametrize("name", ["Authorization", "X-API-KEY", "host", "Proxy-Connection", "Content-Length"])
def test_header_with_a_credential_or_of_the_connection_is_refused(name: str) -> None:
    """Credentials live in Secrets, and framing is ours: in any spelling."""
    result = provider(headers={name: "x"})

    assert isinstance(result, Invalid)
    assert "a header that carries a credential" in result.message


def test_authentication_is_never_forgotten_silently() -> None:
    """A public provider without auth is refused; saying None is how to mean it."""
    assert isinstance(provider(auth={"type": "None"}), ModelProvider)
    assert isinstance(parse({"kind": "ModelProvider", "metadata": {"name": "a"}, "spec": {"type": "OpenAI"}}), Invalid)


def test_providers_are_for_their_own_namespace_by_default() -> None:
    """Whoever wants to share an account says so."""
    result = provider()

    assert isinstance(result, ModelProvider)
    assert result.spec.allowed_namespaces.from_ == "Same"
