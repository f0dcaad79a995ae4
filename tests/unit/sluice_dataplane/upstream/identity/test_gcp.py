"""Google's tokens: what is asserted, what the metadata server is asked and who may be one."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sluice_dataplane.upstream.address import may_connect
from sluice_dataplane.upstream.identity.assertion import signed
from sluice_dataplane.upstream.identity.gcp import METADATA_HOST
from sluice_dataplane.upstream.identity.grants import IdentityFailedError
from sluice_dataplane.upstream.seam import AttemptFailedError
from support.identities import identified
from support.identity_cases import CASES, METADATA, environment
from support.token_servers import Fault


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


@pytest.mark.parametrize("what", ["none", "curve", "short"])
def test_a_key_that_cannot_sign_is_refused(what: str) -> None:
    """No key, one of another kind, one too short to be safe; nothing of it is quoted."""
    pem = {
        "none": "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n",
        "curve": _pem(ec.generate_private_key(ec.SECP256R1())),
        "short": _pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
    }[what]
    with pytest.raises(IdentityFailedError, match="private key") as caught:
        signed({"iss": "a"}, pem, "")

    assert pem.splitlines()[1] not in str(caught.value)


async def test_a_wrong_key_is_refused_by_the_service() -> None:
    """The scripted service checks signatures: what another key signed gets its refusal, and we say so."""
    async with identified() as bench:
        fields = json.loads(bench.servers.service_account())
        fields["private_key"] = _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        with pytest.raises(AttemptFailedError, match=r"400 \(invalid_grant\)"):
            await bench.call(bench.upstream("GCP", {}), json.dumps(fields))


async def test_the_metadata_server_is_asked_for_scopes_only_if_they_are_others(tmp_path: Path) -> None:
    """Its own default is what models need."""
    async with identified(environment(tmp_path)) as bench:
        await bench.headers(bench.upstream("GCP", CASES["gcp-metadata"].params))
        await bench.headers(bench.upstream("GCP", {"source": "Metadata", "scope": "a b"}, id="other"))

        assert bench.servers.asked == [METADATA, METADATA]
        assert bench.servers.queries == ["", "scopes=a,b"]


async def test_what_does_not_answer_like_a_metadata_server_is_none(tmp_path: Path) -> None:
    """Whoever took its name or its address gives us no token."""
    async with identified(environment(tmp_path)) as bench:
        bench.servers.faults.append(Fault(200, b'{"access_token":"theirs","expires_in":3600}'))
        with pytest.raises(AttemptFailedError, match="no metadata server"):
            await bench.headers(bench.upstream("GCP", CASES["gcp-metadata"].params))


def test_the_usual_metadata_host_is_googles() -> None:
    """A fixed name that no user chooses, at an address that the other client never calls."""
    assert METADATA_HOST == "metadata.google.internal"
    assert may_connect("169.254.169.254", private_allowed=True) is False
