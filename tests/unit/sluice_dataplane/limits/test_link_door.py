"""Being let in: TLS with a real Redis, and who we say we are."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from sluice_contract.redis_url import Login, Tls
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.link import RedisLink
from sluice_dataplane.limits.link_door import checked, context_for, introduce
from sluice_dataplane.limits.link_wire import ReplyError
from sluice_dataplane.limits.scripts import Scripts
from support.certificates import Certificates, make_certificates
from support.redis import RedisServer, running_redis


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """For 127.0.0.1, and for clients that are asked for theirs."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


async def _pinged(url: str) -> object:
    link = RedisLink(url, Scripts.load(), deadline_s=10)
    try:
        (reply,) = await link.exchange([("PING",)])
    finally:
        await link.close()
    return reply


async def test_both_sides_may_ask_for_certificates(certificates: Certificates) -> None:
    """Redis shows one that our authority vouches for, and gets ours."""
    with running_redis(certificates=certificates) as server:
        assert await _pinged(server.url) == b"PONG"


async def test_without_a_certificate_of_our_own(certificates: Certificates) -> None:
    """A Redis that asks nobody for one needs the authority only."""
    with running_redis(certificates=replace(certificates, ask_clients=False)) as server:
        assert await _pinged(server.url) == b"PONG"


async def test_a_redis_nobody_vouches_for_gets_no_password(certificates: Certificates) -> None:
    """Without the authority the connection is refused before anything is said."""
    with (
        running_redis(certificates=certificates, requirepass="hunter2") as server,
        pytest.raises(StoreError, match="SSLCertVerificationError"),
    ):
        await _pinged(f"rediss://:hunter2@127.0.0.1:{server.port}")


async def test_a_redis_under_another_name_is_another(tmp_path: Path) -> None:
    """A certificate that holds another name than the URL is refused, unless the URL says that names do not matter."""
    named = replace(make_certificates(tmp_path, names="DNS:redis.example"), check_hostname=False)
    with running_redis(certificates=named) as server:
        with pytest.raises(StoreError, match="SSLCertVerificationError"):
            await _pinged(server.url.replace("&ssl_check_hostname=false", ""))
        assert await _pinged(server.url) == b"PONG"


async def test_plain_and_tls_do_not_talk_to_each_other(certificates: Certificates, redis_server: RedisServer) -> None:
    """TLS where none is spoken, and none where it is: an error that may pass, not a hang."""
    with pytest.raises(StoreError) as plain:
        await _pinged(f"rediss://127.0.0.1:{redis_server.port}?{certificates.query}")
    with running_redis(certificates=certificates) as server, pytest.raises(StoreError) as secret:
        await _pinged(f"redis://127.0.0.1:{server.port}")

    assert plain.value.transient
    assert secret.value.transient


async def test_files_that_are_not_there_are_told_without_their_paths(tmp_path: Path) -> None:
    """An authority that cannot be read: no connection, an error that says of what kind it is."""
    with pytest.raises(StoreError, match="FileNotFoundError") as caught:
        await _pinged(f"rediss://127.0.0.1:1?ssl_ca_certs={tmp_path}/nothing")

    assert str(tmp_path) not in str(caught.value)


def test_contexts_verify_unless_told_otherwise() -> None:
    """The certificate is always checked; the name in it unless the URL says that it is not to be."""
    assert (context_for(Tls()).verify_mode, context_for(Tls()).check_hostname) == (ssl.CERT_REQUIRED, True)
    lenient = context_for(Tls(check_hostname=False))
    assert (lenient.verify_mode, lenient.check_hostname) == (ssl.CERT_REQUIRED, False)


@pytest.mark.parametrize(
    ("login", "words"),
    [
        (Login(), []),
        (Login("", "pw"), [("AUTH", "pw")]),
        (Login("me", "pw"), [("AUTH", "me", "pw")]),
        (Login("me", ""), [("AUTH", "me", "")]),
    ],
)
def test_we_say_who_we_are(login: Login, words: list[object]) -> None:
    """A password alone is the default user's; without any nothing is said."""
    assert introduce(login, "us") == [*words, ("CLIENT", "SETNAME", "us")]


def test_a_name_that_is_not_allowed_is_not_missed() -> None:
    """A user that may not name its connection works all the same; any other refusal is one."""
    commands = [("AUTH", "pw"), ("CLIENT", "SETNAME", "us")]
    refused = ReplyError("NOPERM")

    assert checked(commands, [b"OK", refused]) == [b"OK", refused]
    with pytest.raises(ReplyError):
        checked(commands, [refused, refused])
