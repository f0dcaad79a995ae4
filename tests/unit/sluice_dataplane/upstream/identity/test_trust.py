"""Whom the pod's own identity is shown to, and which metadata addresses are called."""

import pytest

from sluice_dataplane.upstream.address import may_connect
from sluice_dataplane.upstream.identity.grants import IdentityFailedError
from sluice_dataplane.upstream.identity.trust import METADATA_ADDRESSES, Purpose, check_shown_to, may_ask_metadata

GOOD: list[tuple[Purpose, str]] = [
    ("AWS tokens", "https://sts.us-east-1.amazonaws.com/"),
    ("AWS tokens", "https://sts.amazonaws.com"),
    ("AWS tokens", "https://sts.cn-north-1.amazonaws.com.cn/"),
    ("AWS tokens", "https://sts-fips.us-east-1.amazonaws.com/"),
    ("AWS tokens", "https://vpce-0a1b-x.sts.eu-west-1.vpce.amazonaws.com/"),
    ("AWS models", "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1"),
    ("AWS models", "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com"),
    ("AWS models", "https://bedrock-mantle.us-east-1.api.aws/v1"),
    ("GCP tokens", "https://sts.googleapis.com/v1/token"),
    ("GCP tokens", "https://iamcredentials.googleapis.com/v1/projects/-/x"),
    ("GCP models", "https://us-central1-aiplatform.googleapis.com/v1"),
    ("GCP models", "https://aiplatform.googleapis.com/v1"),
    ("GCP models", "https://aiplatform.eu.rep.googleapis.com"),
    ("AzureAD tokens", "https://login.microsoftonline.com/t/oauth2/v2.0/token"),
    ("AzureAD tokens", "https://login.microsoftonline.us/t"),
    ("AzureAD models", "https://my-res.openai.azure.com/openai/v1"),
    ("AzureAD models", "https://my-res.services.ai.azure.com/"),
]
BAD: list[tuple[Purpose, str]] = [
    ("AWS tokens", "http://sts.us-east-1.amazonaws.com/"),
    ("AWS tokens", "https://sts.us-east-1.amazonaws.com.evil.example/"),
    ("AWS tokens", "https://evil.example/sts.us-east-1.amazonaws.com"),
    ("AWS tokens", "https://sts.us-east-1.amazonaws.com@evil.example/"),
    ("AWS tokens", "https://abc.execute-api.us-east-1.amazonaws.com/"),
    ("AWS tokens", "https://sts.s3.amazonaws.com/"),
    ("AWS tokens", "https://sts.lb-1.elb.amazonaws.com/"),
    ("AWS models", "https://bucket.s3.us-east-1.amazonaws.com/"),
    ("GCP tokens", "https://storage.googleapis.com/upload/storage/v1/b/x/o"),
    ("GCP tokens", "https://sts.storage.googleapis.com/x"),
    ("GCP models", "https://evil.example/aiplatform.googleapis.com"),
    ("AzureAD tokens", "https://login.microsoftonline.com.evil.example/"),
    ("AzureAD tokens", "https://login.evil.example/t"),
    ("AzureAD models", "https://evil.westeurope.cloudapp.azure.com/"),
    ("AzureAD models", "https://x.azure-api.net/"),
    ("AzureAD models", "https://["),
    ("AzureAD models", ""),
]


@pytest.mark.parametrize(("purpose", "url"), GOOD)
def test_the_clouds_own_hosts_are_shown_it(purpose: Purpose, url: str) -> None:
    """Token services and model services of each cloud, in every partition."""
    check_shown_to(url, purpose, frozenset())


@pytest.mark.parametrize(("purpose", "url"), BAD)
def test_nobody_else_is(purpose: Purpose, url: str) -> None:
    """Neither hosts that look alike, nor the clouds' hosts that a customer controls, nor anything without TLS."""
    with pytest.raises(IdentityFailedError, match=r"own (AWS|GCP|AzureAD) identity may not be shown"):
        check_shown_to(url, purpose, frozenset(("sts.other.example",)))


def test_hosts_that_the_operator_of_the_gateway_names_are_shown_it() -> None:
    """Exactly those, in any case of letters."""
    trusted = frozenset(("sts.corp.example",))
    check_shown_to("https://STS.corp.example:8443/x", "AWS tokens", trusted)
    with pytest.raises(IdentityFailedError):
        check_shown_to("https://a.sts.corp.example/", "AWS tokens", trusted)


@pytest.mark.parametrize("ip", sorted(METADATA_ADDRESSES))
def test_a_metadata_address_is_for_metadata_alone(ip: str) -> None:
    """The one client may call it, the other never, allowed to call private addresses or not."""
    assert may_ask_metadata(ip, private_allowed=True) is True
    assert [may_connect(ip, private_allowed=allowed) for allowed in (False, True)] == [False, False]


@pytest.mark.parametrize(
    "ip", ["169.254.169.253", "169.254.1.1", "10.0.0.1", "8.8.8.8", "fe80::1", "fd00:ec2::254", "100.100.100.200"]
)
def test_nothing_else_is_asked_for_metadata(ip: str) -> None:
    """Not other link-local or private addresses, not the public internet."""
    assert may_ask_metadata(ip, private_allowed=True) is False
