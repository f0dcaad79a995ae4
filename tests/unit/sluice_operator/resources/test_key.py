"""VirtualKeys: what omission means, and which members go with which type."""

import ipaddress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.resources import Invalid, VirtualKey, parse


def key(**spec: Any) -> VirtualKey | Invalid:
    """What parse makes of a VirtualKey."""
    result = parse({"apiVersion": "sluice.dev/v1alpha1", "kind": "VirtualKey", "metadata": {"name": "a"}, "spec": spec})
    assert isinstance(result, VirtualKey | Invalid)
    return result


def good(**spec: Any) -> VirtualKey:
    """A VirtualKey that must pass."""
    result = key(**spec)
    assert isinstance(result, VirtualKey), result
    return result


def test_key_is_generated_by_default() -> None:
    """Nothing needs to be said for the operator to make the key."""
    spec = good().spec

    assert (spec.type, spec.generated, spec.suspended) == ("Generated", None, False)


def test_no_list_of_models_is_not_an_empty_one() -> None:
    """Omitted means every open model, empty means none: they must stay apart."""
    assert good().spec.models.allow is None
    assert good(models={"allow": []}).spec.models.allow == ()


def test_networks_are_omitted_or_named() -> None:
    """An empty list could be read as nobody or as everybody: it is refused."""
    assert good().spec.allowed_cidrs is None
    assert isinstance(key(allowedCIDRs=[]), Invalid)


@given(st.ip_addresses(), st.integers(0, 128))
def test_network_has_no_bits_after_its_prefix(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, prefix: int
) -> None:
    """A network is taken exactly when Python's strict reading takes it: 10.0.0.1/8 is a mistake, not 10.0.0.0/8."""
    text = f"{address}/{prefix}"
    try:
        ipaddress.ip_network(text)
    except ValueError:
        assert isinstance(key(allowedCIDRs=[text]), Invalid)
    else:
        assert good(allowedCIDRs=[text]).spec.allowed_cidrs == (text,)


def test_life_is_an_end_or_a_length() -> None:
    """``ttl`` is milliseconds; with ``expiresAt`` it would be two truths."""
    assert good(ttl="720h").spec.ttl == 2_592_000_000
    assert isinstance(key(ttl="720h", expiresAt="2027-01-01T00:00:00Z"), Invalid)
