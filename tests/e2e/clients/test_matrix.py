"""Real clients, unchanged, through ``sluice serve`` to a provider of every wire; what they find is a page of docs."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.clients.gateway import Run, driven
from support.clients.matrix import CLIENTS, Client
from support.clients.page import marks, page

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = Path(__file__).parents[3] / "docs" / "compatibility.md"
PAIRS = [(client, wire) for client in CLIENTS for wire in client.wires]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    """Every client with every wire, once."""
    async with driven(CLIENTS, tmp_path_factory.mktemp("clients")) as found:
        yield found


@pytest.mark.parametrize(("client", "wire"), PAIRS, ids=[client.model(wire) for client, wire in PAIRS])
async def test_client_works(run: Run, client: Client, wire: str) -> None:
    """All that this client does works with a provider of this wire, but for what a rule refuses."""
    assert client.name not in run.failed, run.failed[client.name]
    found = marks(client, wire, run.told[client.name])

    assert {scenario: each.wrong for scenario, each in found.items() if each.wrong} == {}


@pytest.mark.parametrize("client", CLIENTS, ids=[client.name for client in CLIENTS])
async def test_version_is_the_one_meant(run: Run, client: Client) -> None:
    """The page names what was really run: the major version in a client's name is that of what ran."""
    assert client.name not in run.failed, run.failed[client.name]
    major = run.told[client.name].version.partition(".")[0]

    assert major in client.name or not any(letter.isdigit() for letter in client.name)


async def test_what_the_provider_billed_is_on_record(run: Run) -> None:
    """Whatever the wires were, each answer that told its figures is on record with them."""
    billed = Counter((bill.used.input, bill.used.cached, bill.used.output) for bill in run.upstream.bills if bill.told)
    on_record = Counter(
        (record.usage.input, record.usage.cached_input, record.usage.output)
        for record in run.records
        if not record.usage.estimated
    )

    assert len(run.upstream.bills) > 500
    assert billed - on_record == Counter()


async def test_page_is_what_was_found(run: Run) -> None:
    """The committed page says what this run found; where it does not, it is written anew, for the next commit."""
    assert run.failed == {}
    found = page(run.told)
    committed = PAGE.read_text() if PAGE.exists() else ""
    if found != committed:
        PAGE.write_text(found)

    assert committed == found, "docs/compatibility.md was out of date and has been written anew: commit it"
