"""TLS: who is believed, and what is told when nobody is."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import UpstreamRequest
from sluice_dataplane.upstream.address import Resolver
from sluice_dataplane.upstream.client import HttpUpstreams
from sluice_dataplane.upstream.seam import AttemptFailedError, Patience
from sluice_dataplane.upstream.tls import context_for
from support.peer import answering, serving

PATIENT = Patience(connect_ms=5_000, first_byte_ms=5_000, between_bytes_ms=5_000)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@dataclass
class Authority:
    """A certificate authority and what it made for ``models.example`` and 127.0.0.1."""

    pem: str
    server: ssl.SSLContext
    asked_names: list[str | None]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Made by openssl, once."""
    folder = tmp_path_factory.mktemp("tls")
    (folder / "names").write_text("subjectAltName=DNS:models.example,IP:127.0.0.1")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=test-ca",
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=models.example",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile names",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return _authority(folder)


def _authority(folder: Path) -> Authority:
    asked_names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.sni_callback = lambda _, name, __: asked_names.append(name)
    return Authority((folder / "ca.crt").read_text(), context, asked_names)


async def _call(port: int, *, host: str, ca_pem: str | None, patience: Patience = PATIENT) -> bytes:
    async def lookup(name: str) -> list[str]:
        return ["127.0.0.1"]

    upstream = Upstream(
        id="u",
        type="OpenAI",
        provider_name="openai",
        base_url=f"https://{host}:{port}",
        allow_private_network=True,
        ca_pem=ca_pem,
    )
    http = HttpUpstreams(Resolver(lookup, clock_s=lambda: 0.0))
    try:
        request = UpstreamRequest("POST", "/chat", (), b"{}")
        answer = await http.send(upstream, request, credential=None, patience=patience)
        body = await answer.read(1000)
        answer.close()
        return body
    finally:
        await http.close()


async def test_an_authority_of_the_upstream_is_trusted(authority: Authority) -> None:
    """The name of the URL is asked for and verified, though the connection goes to an address."""
    async with serving(answering(OK), context=authority.server) as served:
        body = await _call(served.port, host="models.example", ca_pem=authority.pem)

    assert (body, authority.asked_names[-1]) == (b"{}", "models.example")


async def test_an_address_may_be_certified(authority: Authority) -> None:
    """https://127.0.0.1 works with a certificate for that address."""
    async with serving(answering(OK), context=authority.server) as served:
        assert await _call(served.port, host="127.0.0.1", ca_pem=authority.pem) == b"{}"


@pytest.mark.parametrize(("host", "trusted"), [("models.example", False), ("other.example", True)])
async def test_whom_nobody_vouches_for_is_not_called(authority: Authority, host: str, trusted: bool) -> None:
    """An unknown authority, or a certificate for another name: nothing is sent, and the reason is told."""
    async with serving(answering(OK), context=authority.server) as served:
        with pytest.raises(AttemptFailedError, match="certificate is not trusted") as caught:
            await _call(served.port, host=host, ca_pem=authority.pem if trusted else None)

    assert (caught.value.cause, caught.value.sent, served.requests) == ("ConnectFailure", False, [])


async def test_a_server_without_tls_is_not_called() -> None:
    """A URL with https means TLS or nothing."""
    brief = Patience(connect_ms=200, first_byte_ms=5_000, between_bytes_ms=5_000)
    async with serving(answering(OK)) as served:
        with pytest.raises(AttemptFailedError) as caught:
            await _call(served.port, host="models.example", ca_pem=None, patience=brief)

    assert (caught.value.cause, caught.value.sent, served.requests) == ("ConnectFailure", False, [])


@pytest.mark.parametrize("pem", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
async def test_a_bad_ca_is_told(pem: str) -> None:
    """A ca_pem that holds no certificate fails the call, not the process."""
    with pytest.raises(AttemptFailedError, match="no certificate") as caught:
        await _call(9, host="models.example", ca_pem=pem)

    assert (caught.value.cause, caught.value.sent) == ("Refused", False)


def test_contexts_are_made_once() -> None:
    """Reading the system's authorities takes longer than a call."""
    assert context_for(None) is context_for(None)


def test_contexts_verify() -> None:
    """Certificates and host names are checked, and nothing older than TLS 1.2 is spoken."""
    context = context_for(None)

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
