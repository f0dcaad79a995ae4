"""Requests with what proves us: what goes where, and what a refusal leads to."""

import json
from collections.abc import AsyncIterator

import msgspec
import pytest

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import UpstreamRequest
from sluice_dataplane.upstream.identity.signing import LARGE_BYTES
from sluice_dataplane.upstream.seam import AttemptFailedError
from support.identities import PATIENT, Bench, identified
from support.identity_cases import CASES, KEYS
from support.token_servers import CLIENT_SECRET, ROLE, Fault
from support.waiting import until


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Identities of a pod that has none of its own."""
    async with identified() as running:
        yield running


def _oauth2(bench: Bench, **more: object) -> Upstream:
    return bench.upstream("OAuth2", CASES["oauth2-basic"].params, **more)


async def test_an_upstream_without_an_identity_is_called_as_ever(bench: Bench) -> None:
    """Its credential goes into its header, and nothing is asked of anybody."""
    bench.servers.accepted = {"sk"}
    upstream = _oauth2(bench, identity=None, auth_header="authorization", auth_prefix="Bearer ")

    assert (await bench.call(upstream, "sk"), bench.servers.asked) == (200, [])


async def test_a_token_that_is_refused_is_replaced_and_the_call_made_again(bench: Bench) -> None:
    """A token that was revoked before its end costs no call: the client sees the second answer."""
    upstream = _oauth2(bench)
    await bench.call(upstream, CLIENT_SECRET)
    bench.servers.accepted = {"tok-2"}

    assert await bench.call(upstream, CLIENT_SECRET) == 200
    assert [seen["authorization"] for seen in bench.servers.seen] == ["Bearer tok-1", "Bearer tok-1", "Bearer tok-2"]


async def test_a_provider_that_refuses_everything_is_not_a_reason_to_ask_all_the_time(bench: Bench) -> None:
    """A second refusal is the answer; within half a minute no more tokens are fetched for it."""
    upstream = _oauth2(bench)
    bench.servers.accepted = set()
    statuses = [await bench.call(upstream, CLIENT_SECRET) for _ in range(5)]
    asked = len(bench.servers.asked)
    bench.clock.passed_s = 31
    await bench.call(upstream, CLIENT_SECRET)

    assert (statuses, asked, len(bench.servers.asked)) == ([401] * 5, 2, 3)
    assert len(bench.servers.seen) == 2 + 4 + 2


async def test_fixed_keys_that_are_refused_are_not_tried_again(bench: Bench) -> None:
    """There is nothing newer to be had."""
    wrong = KEYS.replace("EXAMPLEKEY", "OTHERKEY")

    assert await bench.call(bench.upstream("AWS", {"region": "us-east-1"}), wrong) == 401
    assert len(bench.servers.seen) == 1


async def test_a_403_is_a_doubt_of_aws_keys_and_not_of_tokens(bench: Bench) -> None:
    """AWS says so of keys that have ended; elsewhere it means that we are known, and may not."""
    role = bench.upstream("AWS", {**CASES["aws-static-role"].params, "roleARN": ROLE})
    statuses = []
    for upstream, credential in ((role, KEYS), (_oauth2(bench), CLIENT_SECRET)):
        bench.servers.provider_faults.append(Fault(403))
        statuses.append(await bench.call(upstream, credential))

    assert statuses == [200, 403]


@pytest.mark.parametrize("size", [0, 10, LARGE_BYTES + 1])
async def test_a_signature_covers_the_body(bench: Bench, size: int) -> None:
    """Of any size; a large one is hashed beside the other calls."""
    assert await bench.call(bench.upstream("AWS", {"region": "us-east-1"}), KEYS, b"x" * size) == 200


@pytest.mark.parametrize("path", ["/model/anthropic.claude-3%3A0/converse", "/m?b=2&a=1&a", "/"])
async def test_a_signature_covers_the_path_as_it_is_sent(bench: Bench, path: str) -> None:
    """Model ids are percent-encoded in the path, and once more where it is signed."""
    upstream = bench.upstream("AWS", {"region": "us-east-1"}, headers={"x-amz-meta": "m"})
    request = UpstreamRequest("POST", path, (("content-type", "application/json"), ("X-Amz-Meta", "no")), b"{}")
    answer = await bench.upstreams.send(upstream, request, credential=KEYS, patience=PATIENT)
    answer.close()

    assert answer.status == 200


async def test_a_clients_header_cannot_take_the_place_of_ours(bench: Bench) -> None:
    """What proves us wins over a header of that name in the request."""
    request = UpstreamRequest("POST", "/chat", (("Authorization", "Bearer theirs"),), b"{}")
    answer = await bench.upstreams.send(_oauth2(bench), request, credential=CLIENT_SECRET, patience=PATIENT)
    answer.close()

    assert answer.status == 200
    assert bench.servers.seen[0]["authorization"] == "Bearer tok-1"


async def test_an_upstream_whose_own_header_stands_in_the_way_is_refused(bench: Bench) -> None:
    """Rather than called with a header that proves nothing, or with the credential itself."""
    blocked = _oauth2(bench, headers={"authorization": "x"})
    leaking = _oauth2(bench, auth_header="x-api-key")
    for upstream in (blocked, leaking):
        with pytest.raises(AttemptFailedError) as caught:
            await bench.call(upstream, CLIENT_SECRET)
        assert (caught.value.cause, caught.value.sent) == ("Refused", False)

    assert bench.servers.seen == []


async def test_time_spent_on_a_token_is_taken_off_the_patience(bench: Bench) -> None:
    """A call does not become twice as patient because its token had to be fetched."""
    bench.servers.gate.clear()
    hasty = msgspec.structs.replace(PATIENT, first_byte_ms=100)
    request = UpstreamRequest("POST", "/chat", (), b"{}")
    with pytest.raises(AttemptFailedError, match="did not come in time"):
        await bench.upstreams.send(_oauth2(bench), request, credential=CLIENT_SECRET, patience=hasty)
    bench.servers.gate.set()
    await until(lambda: bench.servers.issued)


async def test_signed_heads_are_not_remembered(bench: Bench) -> None:
    """They never come again; the memory of heads would keep 128 of them, with their keys."""
    upstream = bench.upstream("AWS", {"region": "us-east-1"})
    for _ in range(3):
        await bench.call(upstream, KEYS)
        bench.clock.passed_s += 1
    origin = bench.upstreams._http._origins["up"]  # type: ignore[attr-defined]

    assert len(origin.heads._heads) == 0
    assert json.loads(KEYS)["secretAccessKey"] not in repr(origin.heads._heads)
