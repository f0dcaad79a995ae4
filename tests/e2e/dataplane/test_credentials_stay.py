"""A provider's credential goes to the provider: not where a redirect points, not to addresses that are not allowed."""

from pathlib import Path

from sluice_contract.snapshot import Snapshot
from support.process import PlaneProcess, fleet
from support.scenes import PROVIDER_SECRET, chat, one_provider, provider, served, target
from support.upstream import Fault, ScriptedUpstream

PATH = "/v1/chat/completions"


def _at(base_urls: list[str], *, private: bool) -> Snapshot:
    """A provider and a model of its own for each of *base_urls*: ``m0``, ``m1``, …"""
    names = [f"m{number}" for number in range(len(base_urls))]
    return one_provider(
        "",
        *(served(name, target(name)) for name in names),
        upstreams=tuple(
            provider(url, name, allow_private_network=private) for name, url in zip(names, base_urls, strict=True)
        ),
    )


async def _errors(plane: PlaneProcess, count: int) -> list[tuple[int, str]]:
    """Status and message of a call of each model."""
    answers = [await plane.post(PATH, chat(model_name=f"m{number}")) for number in range(count)]
    return [(answer.status_code, answer.json()["error"]["message"]) for answer in answers]


async def test_a_redirect_is_not_followed(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """Wherever it points: the client is told that the upstream failed, and nobody else hears of the call."""
    async with ScriptedUpstream() as elsewhere, fleet(tmp_path, one_provider(upstream.base_url)) as planes:
        told = []
        for status in (301, 302, 303, 307, 308):
            for location in (f"{elsewhere.base_url}/chat/completions", "/v1/other"):
                upstream.queue(Fault(status=status, headers={"location": location}, body=""))
                answer = await planes[0].post(PATH, chat())
                told.append((answer.status_code, answer.json()["error"]["code"], "location" in answer.headers))

        assert told == [(502, "upstream_error", False)] * 10
        assert (elsewhere.connections, len(upstream.seen)) == (0, 10)


async def test_a_private_address_is_not_called_unless_allowed(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """By name, by address, or written otherwise: without allowPrivateNetwork not even a connection is made."""
    hosts = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.1"]
    urls = [f"http://{host}:{upstream.port}/v1" for host in hosts]
    async with fleet(tmp_path, _at(urls, private=False)) as planes:
        told = await _errors(planes[0], len(hosts))
        said = planes[0].said()

    assert [status for status, _ in told] == [502] * len(hosts)
    assert upstream.connections == 0
    assert PROVIDER_SECRET not in said + str(told)


async def test_a_permission_that_was_taken_back_holds_at_once(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """The connection that was made under it is not used any more."""
    async with fleet(tmp_path, one_provider(upstream.base_url)) as planes:
        before = await planes[0].post(PATH, chat())
        closed = provider(upstream.base_url, allow_private_network=False)
        await planes.apply(one_provider("", upstreams=(closed,)))
        after = await planes[0].post(PATH, chat())

    assert (before.status_code, after.status_code, len(upstream.seen)) == (200, 502, 1)


async def test_a_metadata_service_is_no_provider(tmp_path: Path) -> None:
    """Allowed to call private addresses or not: what it gives away would be in the answer."""
    urls = [f"http://{host}/v1" for host in ("169.254.169.254", "169.254.170.23", "[fd00:ec2::23]", "[fd20:ce::254]")]
    async with fleet(tmp_path, _at(urls, private=True)) as planes:
        told = await _errors(planes[0], len(urls))

    assert [(status, "no address that may be called" in message) for status, message in told] == [(502, True)] * 4
