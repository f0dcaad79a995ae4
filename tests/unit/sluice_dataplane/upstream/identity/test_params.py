"""Parameters and credentials, parsed: defaults, and that what is unknown is refused."""

from typing import Any

import pytest

from sluice_contract.snapshot import Identity
from sluice_dataplane.upstream.identity.grants import IdentityFailedError
from sluice_dataplane.upstream.identity.params import (
    AZURE_MODELS,
    CLOUD_PLATFORM,
    AwsParams,
    AzureParams,
    GcpParams,
    OAuth2Params,
    document,
    parsed,
)


def test_names_are_those_of_the_resources() -> None:
    """As a ModelProvider writes them; what it leaves out has a default."""
    assert parsed(Identity("AWS", {"roleARN": "r", "stsURL": "u", "sessionName": "s"}), AwsParams) == AwsParams(
        role_arn="r", sts_url="u", session_name="s", service="bedrock", source="Static"
    )
    assert parsed(Identity("GCP"), GcpParams) == GcpParams(source="ServiceAccount", scope=CLOUD_PLATFORM)
    assert parsed(Identity("AzureAD", {"tenantID": "t", "clientID": "c"}), AzureParams) == AzureParams(
        tenant_id="t", client_id="c", scope=AZURE_MODELS, source="ClientSecret"
    )
    assert parsed(Identity("OAuth2", {"tokenURL": "u", "clientID": "c"}), OAuth2Params) == OAuth2Params(
        token_url="u", client_id="c", auth_style="Basic"
    )


@pytest.mark.parametrize(
    ("kind", "of"), [("AWS", AwsParams), ("GCP", GcpParams), ("AzureAD", AzureParams), ("OAuth2", OAuth2Params)]
)
def test_what_is_unknown_is_refused(kind: Any, of: type) -> None:
    """A slip in a name must not become a default."""
    needed = {"tokenURL": "u", "clientID": "c"} if kind == "OAuth2" else {}
    with pytest.raises(IdentityFailedError, match=f"its {kind} identity cannot be used: .*unknown field `Scope`"):
        parsed(Identity(kind, {**needed, "Scope": "x"}), of)


@pytest.mark.parametrize("credential", [None, "", b""])
def test_a_credential_that_is_not_there_is_said_to_be_missing(credential: bytes | str | None) -> None:
    """Rather than to be wrong."""
    with pytest.raises(IdentityFailedError, match="needs a credential and there is none"):
        document(credential, dict, "JSON")
