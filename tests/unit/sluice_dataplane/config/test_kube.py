"""The API server's door: who we are, and how long a token is believed."""

import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sluice_contract import codec, names
from sluice_contract.snapshot import Snapshot
from sluice_dataplane.config.kube import TOKEN_SECONDS, Access, ApiServer, Patience
from sluice_dataplane.config.objects import ApiServerError
from support.scripted_kube import ScriptedKube, body, scripted_kube

PARTS = codec.encode(Snapshot())
MODELS = names.object_name("sluice", codec.MODELS)


@pytest.fixture
async def kube() -> AsyncIterator[ScriptedKube]:
    """An API server that holds an empty snapshot."""
    async with scripted_kube() as server:
        server.publish(PARTS)
        yield server


def test_pod_finds_its_api_server(tmp_path: Path) -> None:
    """The environment and the files that every pod has are enough."""
    environ = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}

    assert Access.in_cluster(environ, tmp_path) == Access(
        "https://10.96.0.1:443", tmp_path / "token", tmp_path / "ca.crt"
    )


def test_address_of_version_six_is_bracketed() -> None:
    """In a cluster of IPv6 the address is still a URL."""
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}

    assert Access.in_cluster(environ).url == "https://[fd00::1]:443"


def test_outside_of_a_pod_is_said() -> None:
    """Without a pod's environment the error names what is missing."""
    with pytest.raises(ApiServerError, match="KUBERNETES_SERVICE_HOST"):
        Access.in_cluster({})


async def test_replaced_token_is_used_within_a_minute(kube: ScriptedKube, tmp_path: Path) -> None:
    """The kubelet replaces the token's file; the new one is sent after at most TOKEN_SECONDS, without a restart."""
    now = 0.0
    token = tmp_path / "token"
    token.write_text("one")
    async with ApiServer(Access(kube.url, token), "sluice", patience=Patience(), clock=lambda: now) as server:
        await server.get("configmaps", MODELS)
        token.write_text("two")
        now = TOKEN_SECONDS - 1
        await server.get("configmaps", MODELS)
        now = TOKEN_SECONDS
        await server.get("configmaps", MODELS)

    assert kube.tokens == ["Bearer one", "Bearer one", "Bearer two"]


async def test_absent_token_is_said(kube: ScriptedKube, tmp_path: Path) -> None:
    """A token file that is not there is named, and nothing is sent without it."""
    access = Access(kube.url, tmp_path / "token")
    async with ApiServer(access, "sluice", patience=Patience(), clock=lambda: 0.0) as server:
        with pytest.raises(ApiServerError, match="token cannot be read: No such file"):
            await server.get("configmaps", MODELS)

    assert kube.requests == []


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"])
async def test_unusable_authorities_are_said(tmp_path: Path, content: bytes | None) -> None:
    """An absent or damaged file of authorities is named; nothing is trusted in its place."""
    ca_file = tmp_path / "ca.crt"
    if content is not None:
        ca_file.write_bytes(content)

    with pytest.raises(ApiServerError, match=r"ca\.crt cannot be read"):
        async with ApiServer(Access("https://127.0.0.1:1", None, ca_file), "n", patience=Patience(), clock=lambda: 0.0):
            pass


@pytest.fixture
def old_fashioned(tmp_path: Path) -> tuple[Path, Path]:
    """A server's certificate, and its authority without the extensions that newer ones have."""
    ca, key, leaf = (tmp_path / name for name in ("ca.crt", "ca.key", "leaf.pem"))
    config = tmp_path / "openssl.cnf"
    config.write_text("[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints=CA:TRUE\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", ca, "-subj", "/CN=ca",
            "-days", "2", "-config", config, "-extensions", "ca")  # fmt: skip
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "leaf.key", "-out", tmp_path / "leaf.csr",
            "-subj", "/CN=server", "-config", config)  # fmt: skip
    (tmp_path / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", tmp_path / "leaf.csr", "-CA", ca, "-CAkey", key, "-CAcreateserial", "-days", "2",
            "-extfile", tmp_path / "san", "-out", leaf)  # fmt: skip
    leaf.write_text(leaf.read_text() + (tmp_path / "leaf.key").read_text())
    return ca, leaf


def openssl(*arguments: str | Path) -> None:
    """Run openssl."""
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


async def test_old_fashioned_authority_is_trusted(old_fashioned: tuple[Path, Path]) -> None:
    """A cluster whose authority lacks newer extensions is reached, and one of another authority is not."""
    ca, leaf = old_fashioned
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(leaf)
    async with scripted_kube(context) as kube:
        kube.publish(PARTS)
        async with ApiServer(Access(kube.url, None, ca), "n", patience=Patience(), clock=lambda: 0.0) as server:
            assert await server.get("configmaps", MODELS) == PARTS[codec.MODELS]
        async with ApiServer(Access(kube.url), "n", patience=Patience(), clock=lambda: 0.0) as server:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await server.get("configmaps", MODELS)


async def test_absent_object_is_no_error(kube: ScriptedKube) -> None:
    """An object that does not exist, and one without our field, are both nothing."""
    kube.instead(MODELS, body(b'{"metadata": {}, "data": {"part": "AAAA"}}'))
    async with ApiServer(Access(kube.url), "sluice", patience=Patience(), clock=lambda: 0.0) as server:
        assert await server.get("configmaps", MODELS) is None
        assert await server.get("secrets", "nobody") is None


async def test_object_without_end_is_refused(kube: ScriptedKube) -> None:
    """An answer larger than any object can be is not gathered in memory."""
    kube.instead(MODELS, body(b" " * (5 << 20)))
    async with ApiServer(Access(kube.url), "sluice", patience=Patience(), clock=lambda: 0.0) as server:
        with pytest.raises(ApiServerError, match="larger than any object"):
            await server.get("configmaps", MODELS)
