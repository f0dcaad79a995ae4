"""Entra ID: where it is asked, and that a pod's settings stand in for an identity's."""

from pathlib import Path

import pytest

from sluice_dataplane.upstream.identity.azure import AUTHORITY
from sluice_dataplane.upstream.seam import AttemptFailedError
from support.identities import identified
from support.identity_cases import ENTRA, ENTRA_PATH, environment
from support.token_servers import CLIENT_SECRET


async def test_an_identity_comes_before_the_pod(tmp_path: Path) -> None:
    """What a ModelProvider says of tenant and client is used, the environment only where it says nothing."""
    environ = environment(tmp_path) | {"AZURE_TENANT_ID": "other", "AZURE_CLIENT_ID": "other"}
    params = {name: value for name, value in ENTRA.items() if name != "authorityHost"}
    async with identified(environ) as bench:
        status = await bench.call(bench.upstream("AzureAD", {**params, "source": "WorkloadIdentity"}))

        assert (status, bench.servers.asked) == (200, [ENTRA_PATH])


async def test_the_pods_environment_is_nothing_to_a_clients_secret(tmp_path: Path) -> None:
    """A secret goes to Microsoft, or where its own identity says; never where the pod's environment says."""
    params = {name: value for name, value in ENTRA.items() if name != "authorityHost"}
    async with identified(environment(tmp_path)) as bench:
        upstream = bench.upstream("AzureAD", params, allow_private_network=False)
        kept = bench.identities._find(upstream, CLIENT_SECRET)

        assert kept.keeper._source._url == f"{AUTHORITY}{ENTRA_PATH}"  # type: ignore[attr-defined]
        assert bench.servers.asked == []


async def test_a_wrong_secret_is_told_with_microsofts_number(tmp_path: Path) -> None:
    """Which says more than any words: AADSTS7000215 is an invalid client secret."""
    async with identified() as bench:
        with pytest.raises(AttemptFailedError, match=r"401 \(invalid_client, AADSTS7000215\)"):
            await bench.call(bench.upstream("AzureAD", ENTRA), "wrong")
