"""Identities in a real process: calls carry what was fetched or signed, secrets rotate unnoticed, logs hold none."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sluice_contract.snapshot import Credentials, Identity, Snapshot
from support.identity_cases import CASES
from support.process import Fleet, PlaneProcess, fleet
from support.scenes import chat, one_provider, provider, served, target
from support.token_servers import CLIENT_SECRET, SECRETS, TokenServers
from support.waiting import until

KINDS = ("aws-static", "aws-static-role", "gcp-service-account", "azure-client-secret", "oauth2-basic")


@pytest.fixture
async def servers() -> AsyncIterator[TokenServers]:
    """Token services by today's clock, and the provider behind them."""
    async with TokenServers(lambda: time.time_ns() / 1e9) as running:
        yield running


def _world(servers: TokenServers, *kinds: str, secret: str = CLIENT_SECRET) -> Snapshot:
    """A model for each of *kinds*, by its name."""
    credentials = {kind: CASES[kind].credential or "" for kind in kinds}
    credentials = {kind: secret if value == CLIENT_SECRET else value for kind, value in credentials.items()}
    if "gcp-service-account" in kinds:
        credentials["gcp-service-account"] = servers.service_account()
    upstreams = tuple(
        provider(
            f"{servers.url}/v1", kind, auth_header=None, auth_prefix="", credential_id=kind, identity=_of(servers, kind)
        )
        for kind in sorted(kinds)
    )
    return one_provider(
        "",
        *(served(kind, target(kind)) for kind in sorted(kinds)),
        upstreams=upstreams,
        credentials=Credentials(values=credentials),
    )


def _of(servers: TokenServers, kind: str) -> Identity:
    case = CASES[kind]
    params = {name: value.replace("{url}", servers.url) for name, value in case.params.items()}
    return Identity(case.kind, params)  # type: ignore[arg-type]


async def _call(plane: PlaneProcess, model: str) -> int:
    answer = await plane.post("/v1/chat/completions", chat(model_name=model))
    return answer.status_code


async def test_each_kind_serves_calls_and_tells_nothing(tmp_path: Path, servers: TokenServers) -> None:
    """Also on its way through errors: neither stdout nor stderr nor an answer holds a secret, token or assertion."""
    told: list[Any] = []
    async with fleet(tmp_path, _world(servers, *KINDS), log_level="debug") as planes:
        good = []
        for kind in KINDS:
            servers.accepted = None
            good.append(await _call(planes[0], kind))
            servers.accepted = set()
            answer = await planes[0].post("/v1/chat/completions", chat(model_name=kind))
            told += [answer.status_code, answer.text]
        wrong = await planes.apply(_world(servers, "oauth2-basic", secret="another-secret"))
        answer = await planes[0].post("/v1/chat/completions", chat(model_name="oauth2-basic"))
        told += [answer.status_code, answer.text, wrong]
        said = planes[0].said()

    assert good == [200] * len(KINDS)
    assert "401 (invalid_client)" in answer.text
    secrets = (*SECRETS, "another-secret", "PRIVATE KEY", "eyJ", "secret-of-", *servers.issued)
    assert [secret for secret in secrets if secret in said + str(told)] == []
    assert "identity.failing" in said


async def test_a_rotated_client_secret_fails_no_call(tmp_path: Path, servers: TokenServers) -> None:
    """While calls run the secret changes: its token is fetched beside them, and no call sees the change."""
    servers.client_secrets = {CLIENT_SECRET, "second"}
    statuses: list[int] = []

    async def load(planes: Fleet, stop: asyncio.Event) -> None:
        while not stop.is_set():
            statuses.append(await _call(planes[0], "oauth2-basic"))

    async with fleet(tmp_path, _world(servers, "oauth2-basic")) as planes:
        stop = asyncio.Event()
        await _call(planes[0], "oauth2-basic")
        servers.accepted = {"tok-1", "tok-2"}
        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(load(planes, stop))
            await until(lambda: len(statuses) > 20)
            await planes.apply(_world(servers, "oauth2-basic", secret="second"))
            await until(lambda: servers.seen[-1]["authorization"] == "Bearer tok-2")
            seen = len(servers.seen)
            await until(lambda: len(servers.seen) > seen + 20)
            stop.set()
        late = {each["authorization"] for each in list(servers.seen)[seen + 5 :]}

    assert set(statuses) == {200}
    assert (late, len(servers.issued)) == ({"Bearer tok-2"}, 2)


async def test_keys_of_a_role_are_fetched_once_for_many_calls(tmp_path: Path, servers: TokenServers) -> None:
    """A burst on a plane that has none yet waits for one answer, and every call is signed with it."""
    async with fleet(tmp_path, _world(servers, "aws-static-role")) as planes:
        statuses = await asyncio.gather(*(_call(planes[0], "aws-static-role") for _ in range(30)))

    assert statuses == [200] * 30
    assert len(servers.asked) == 1
    assert {each["x-amz-security-token"] for each in servers.seen} == set(servers.issued) == {"tok-1"}
