"""One fetch for many calls, renewal beside them, rotated credentials, and what happens while a service is away."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sluice_contract.snapshot import Upstream
from sluice_dataplane.upstream.identity import identities as module
from sluice_dataplane.upstream.identity.identities import Identities
from sluice_dataplane.upstream.seam import AttemptFailedError
from support.identities import REQUEST, Bench, identified
from support.identity_cases import CASES, KEYS
from support.token_servers import CLIENT_SECRET, Fault
from support.waiting import until


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Identities of a pod that has none of its own."""
    async with identified() as running:
        yield running


def _oauth2(bench: Bench, **more: object) -> Upstream:
    return bench.upstream("OAuth2", CASES["oauth2-basic"].params, **more)


async def _token(bench: Bench, upstream: Upstream, secret: str = CLIENT_SECRET) -> str:
    return dict(await bench.headers(upstream, secret))["authorization"]


async def test_many_calls_wait_for_one_fetch(bench: Bench) -> None:
    """However many come while there is none, the service is asked once, and all get what it gave."""
    bench.servers.gate.clear()
    upstream = _oauth2(bench)
    async with asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(_token(bench, upstream)) for _ in range(50)]
        await until(lambda: bench.servers.asked)
        bench.servers.gate.set()

    assert {call.result() for call in calls} == {"Bearer tok-1"}
    assert len(bench.servers.asked) == 1


async def test_a_token_is_renewed_beside_the_calls(bench: Bench) -> None:
    """When it grows old it is fetched anew while calls go on with the old one, without a wait."""
    upstream = _oauth2(bench)
    before = await _token(bench, upstream)
    bench.clock.passed_s = 3301
    bench.servers.gate.clear()
    during = [await _token(bench, upstream) for _ in range(3)]
    bench.servers.gate.set()
    await until(lambda: len(bench.servers.issued) == 2)
    after = await until(lambda: _changed(bench, upstream, before))

    assert (before, during, after) == ("Bearer tok-1", ["Bearer tok-1"] * 3, "Bearer tok-2")
    assert len(bench.servers.asked) == 2


async def _changed(bench: Bench, upstream: Upstream, before: str) -> str | None:
    now = await _token(bench, upstream)
    return now if now != before else None


async def test_a_service_that_is_away_is_not_noticed_while_a_token_holds(bench: Bench) -> None:
    """Renewal fails, calls go on; once it has ended they are refused with the reason, and none waits for long."""
    upstream = _oauth2(bench)
    await _token(bench, upstream)
    bench.servers.faults.extend([Fault(503)] * 9)
    bench.clock.passed_s = 3400
    during = await _token(bench, upstream)
    await until(lambda: len(bench.servers.asked) == 2)
    still = await _token(bench, upstream)
    bench.clock.passed_s = 3590

    assert (during, still) == ("Bearer tok-1", "Bearer tok-1")
    with pytest.raises(AttemptFailedError, match="token service answered 503"):
        await _token(bench, upstream)


async def test_a_failure_is_not_asked_for_again_by_every_call(bench: Bench) -> None:
    """Within the pause after it calls fail at once with the same reason; after it the service is asked again."""
    upstream = _oauth2(bench)
    bench.servers.faults.append(Fault(401, b'{"error":"invalid_client"}'))
    for _ in range(5):
        with pytest.raises(AttemptFailedError, match=r"401 \(invalid_client\)"):
            await _token(bench, upstream)
    asked = len(bench.servers.asked)
    bench.clock.passed_s += 1

    assert (asked, await _token(bench, upstream)) == (1, "Bearer tok-1")


async def test_a_wait_has_an_end(bench: Bench) -> None:
    """A call waits no longer than it may; the fetch goes on for those that come after it."""
    bench.servers.gate.clear()
    upstream = _oauth2(bench)
    with pytest.raises(AttemptFailedError, match="did not come in time") as caught:
        await bench.identities.prove(upstream, REQUEST, CLIENT_SECRET, wait_s=0.05)
    bench.servers.gate.set()

    assert (caught.value.cause, caught.value.sent) == ("Refused", False)
    assert await _token(bench, upstream) == "Bearer tok-1"
    assert len(bench.servers.asked) == 1


async def test_a_call_that_goes_does_not_take_the_fetch_along(bench: Bench) -> None:
    """A client that hangs up while its call waits leaves the others their token."""
    bench.servers.gate.clear()
    upstream = _oauth2(bench)
    async with asyncio.TaskGroup() as tasks:
        gone, stays = (tasks.create_task(_token(bench, upstream)) for _ in range(2))
        await until(lambda: bench.servers.asked)
        gone.cancel()
        await asyncio.wait((gone,))
        bench.servers.gate.set()

    assert (gone.cancelled(), stays.result(), len(bench.servers.asked)) == (True, "Bearer tok-1", 1)


async def test_a_rotated_credential_is_used_at_once(bench: Bench) -> None:
    """The next call that comes with it has a token of its own; what the old one brought is not used with it."""
    upstream = _oauth2(bench)
    await _token(bench, upstream)
    with pytest.raises(AttemptFailedError, match="invalid_client"):
        await _token(bench, upstream, "not-the-secret")

    assert len(bench.servers.asked) == 2


async def test_calls_of_two_tables_do_not_undo_each_other(bench: Bench) -> None:
    """While calls of the older table are still under way, neither costs the other a fetch."""
    old, new = _oauth2(bench), _oauth2(bench, headers={"x": "y"})
    for _ in range(3):
        await _token(bench, new)
        await _token(bench, old)

    assert len(bench.servers.asked) == 1


async def test_a_reload_that_changes_nothing_costs_nothing(bench: Bench) -> None:
    """An equal upstream of a newer table has the same token."""
    tokens = {await _token(bench, _oauth2(bench)) for _ in range(3)}

    assert (tokens, len(bench.servers.asked)) == ({"Bearer tok-1"}, 1)


async def test_upstreams_do_not_share(bench: Bench) -> None:
    """Two upstreams have a token each, whatever else is the same."""
    tokens = [await _token(bench, _oauth2(bench, id=id_)) for id_ in ("a", "b", "a")]

    assert tokens == ["Bearer tok-1", "Bearer tok-2", "Bearer tok-1"]


async def test_what_is_kept_has_a_bound(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest identities are forgotten, and fetched anew when they are used."""
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    for id_ in ("a", "b", "c", "c", "b", "a"):
        await _token(bench, _oauth2(bench, id=id_))

    assert len(bench.servers.asked) == 4
    assert (len(bench.identities._kept), len(bench.identities._latest)) == (2, 2)


async def test_signatures_are_new_with_each_call_and_keys_are_not(bench: Bench) -> None:
    """Time goes into every signature."""
    upstream = bench.upstream("AWS", {"region": "us-east-1"})
    first = dict(await bench.headers(upstream, KEYS))
    bench.clock.passed_s = 5
    second = dict(await bench.headers(upstream, KEYS))

    assert first["x-amz-date"] != second["x-amz-date"]
    assert first["authorization"] != second["authorization"]
    assert bench.servers.asked == []


async def test_nothing_is_fetched_before_it_runs_or_after(bench: Bench) -> None:
    """There is nobody to own the task, so calls are refused instead of left to wait."""
    idle = Identities(bench.identities._sources, now_s=bench.clock.now_s, wall_ms=bench.clock.wall_ms, draw=lambda: 0.0)
    with pytest.raises(AttemptFailedError, match="did not come in time"):
        await idle.prove(_oauth2(bench), REQUEST, CLIENT_SECRET)

    assert bench.servers.asked == []


async def test_an_outage_is_two_lines(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells when an identity begins to fail, with the reason, and when it works again."""
    upstream = _oauth2(bench)
    bench.servers.faults.extend([Fault(503)] * 3)
    with caplog.at_level("INFO", logger="sluice.upstream"):
        for _ in range(3):
            with pytest.raises(AttemptFailedError):
                await _token(bench, upstream)
            bench.clock.passed_s += 10
        await _token(bench, upstream)

    assert [record.message for record in caplog.records] == ["identity.failing", "identity.recovered"]
    assert caplog.records[0].__dict__["reason"] == "its token service answered 503"
