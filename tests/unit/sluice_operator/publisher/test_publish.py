"""From a changed world to a published revision."""

import base64
import datetime as dt
from collections.abc import AsyncIterator

import pytest

from sluice_contract import codec, names
from sluice_operator.inventory import ObjectName
from support.desk import HOME, RELEASE, TEAM, Desk, until
from support.manifests import BUDGET, ECHO, openai


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk at work."""
    async with Desk().working() as desk:
        yield desk


def applied(desk: Desk) -> list[str]:
    """The compiled objects written so far, in order."""
    return [name for verb, _, name in desk.cluster.calls if verb == "apply"]


async def test_a_resource_ends_in_the_snapshot(desk: Desk) -> None:
    """What is applied is compiled, written in parts, and readable by a data plane."""
    desk.put("ModelDeployment", "chat", ECHO)
    await until(desk.snapshot)

    snapshot = desk.snapshot()
    assert snapshot is not None
    assert [model.name for model in snapshot.models] == ["chat"]


async def test_the_index_is_written_last(desk: Desk) -> None:
    """No reader ever finds an index that names a part which is not there."""
    desk.put("ModelDeployment", "chat", ECHO)
    await until(desk.snapshot)

    written = applied(desk)
    assert written[-1] == names.object_name(RELEASE, codec.INDEX)
    assert len(written) == len(codec.PARTS) + 1


async def test_what_is_written_belongs_to_the_operators_account(desk: Desk) -> None:
    """Every compiled object names the account it goes with, and is thus collected when that is deleted."""
    desk.publisher.account_uid = "uid-9"
    desk.put("ModelDeployment", "chat", ECHO)
    await until(desk.snapshot)

    parts = [each for key, each in desk.cluster.objects.items() if key[2].startswith(f"{RELEASE}-snapshot-")]
    assert len(parts) == len(codec.PARTS) + 1
    assert {owner["uid"] for each in parts for owner in each["metadata"]["ownerReferences"]} == {"uid-9"}


async def test_only_what_changed_is_written(desk: Desk) -> None:
    """A changed model rewrites its part and the index; a status or a change that means nothing rewrites nothing."""
    desk.put("ModelDeployment", "chat", ECHO)
    await until(lambda: desk.condition("ModelDeployment", "chat", "Accepted")[0])
    before = len(applied(desk))

    desk.put("ModelDeployment", "chat", {**ECHO, "aliases": ["fast"]})
    await until(lambda: (snapshot := desk.snapshot()) and snapshot.models[0].aliases)

    assert applied(desk)[before:] == [names.object_name(RELEASE, part) for part in (codec.MODELS, codec.INDEX)]


async def test_a_key_is_made_then_published(desk: Desk) -> None:
    """The Secret is there first; then its digest is published, and the status says where it is."""
    desk.put("VirtualKey", "checkout", {})
    await until(lambda: desk.key_names() == ["checkout"])
    await until(lambda: desk.condition("VirtualKey", "checkout", "ResolvedRefs")[0] == "True")

    assert desk.status("VirtualKey", "checkout")["secretRef"] == {"name": "checkout-key", "key": "api-key"}
    writes = desk.cluster.writes()
    made = writes.index(("create", "Secret", "checkout-key"))
    assert made < max(at for at, write in enumerate(writes) if write[2] == names.object_name(RELEASE, codec.INDEX))


async def test_nothing_is_said_of_a_key_while_it_is_made(desk: Desk) -> None:
    """A new key is not called unresolved for the moment in which its Secret is written."""
    desk.put("VirtualKey", "checkout", {})
    await until(lambda: desk.status("VirtualKey", "checkout"))

    assert desk.condition("VirtualKey", "checkout", "ResolvedRefs") == ("True", "ResolvedRefs")
    assert [call for call in desk.cluster.calls if call[0] == "write_status"] == [
        ("write_status", "VirtualKey", "checkout")
    ]


async def test_a_secret_that_is_not_ours_is_told_of(desk: Desk) -> None:
    """Why a key cannot be made stands in the key's status, and the rest is served."""
    desk.put_secret("taken", password="cHc=")
    desk.put("VirtualKey", "clash", {"generated": {"secretName": "taken"}})
    desk.put("VirtualKey", "fine", {})
    await until(lambda: desk.key_names() == ["fine"])
    await until(lambda: desk.condition("VirtualKey", "clash", "ResolvedRefs") == ("False", "SecretNotOurs"))

    assert desk.condition("VirtualKey", "clash", "Ready")[0] == "False"


async def test_a_deleted_key_is_out_of_the_snapshot(desk: Desk) -> None:
    """A deletion is published, and leaves the others as they are."""
    for name in ("gone", "kept"):
        desk.put("VirtualKey", name, {})
    await until(lambda: desk.key_names() == ["gone", "kept"])

    desk.remove("VirtualKey", "gone")

    await until(lambda: desk.key_names() == ["kept"])


async def test_a_credential_is_read_when_it_is_referred_to(desk: Desk) -> None:
    """A referenced Secret is read before anything that depends on it is published."""
    desk.put_secret("account", **{"api-key": base64.b64encode(b"sk-up").decode()})
    desk.put("ModelDeployment", "far", openai("account"))
    await until(lambda: (snapshot := desk.snapshot()) and snapshot.models)

    snapshot = desk.snapshot()
    assert snapshot is not None
    assert list(snapshot.credentials.values.values()) == ["sk-up"]


async def test_a_restart_writes_nothing(desk: Desk) -> None:
    """A second operator on the same cluster finds everything as it would write it."""
    desk.put("ModelDeployment", "chat", ECHO)
    desk.put("Budget", "month", BUDGET)
    desk.put("VirtualKey", "checkout", {"budgetRefs": [{"name": "month"}]})
    await until(lambda: desk.condition("VirtualKey", "checkout", "ResolvedRefs")[0] == "True")
    index = desk.part(codec.INDEX)

    second = Desk(desk.cluster)
    async with second.working():
        await until(lambda: second.revisions.newest is not None)

    assert applied(second) == []
    assert second.part(codec.INDEX) == index


async def test_what_was_damaged_is_written_again(desk: Desk) -> None:
    """A compiled object that somebody changed is put right."""
    desk.put("ModelDeployment", "chat", ECHO)
    await until(desk.snapshot)
    whole, name = desk.part(codec.MODELS), names.object_name(RELEASE, codec.MODELS)
    damaged = {"kind": "ConfigMap", "metadata": {"name": name, "namespace": HOME}, "binaryData": {"part": "AAAA"}}

    desk.publisher.changed(desk.world.hear("ConfigMap", desk.cluster.put(damaged)))

    await until(lambda: desk.part(codec.MODELS) == whole)


async def test_a_server_that_is_away_delays_and_loses_nothing(desk: Desk) -> None:
    """A change that could not be written is written when the server is back, without a further event."""
    desk.put("ModelDeployment", "chat", ECHO)
    await until(desk.snapshot)
    with desk.cluster.unreachable():
        gone = desk.cluster.remove("ModelDeployment", ObjectName(TEAM, "chat"))
        desk.publisher.changed(desk.world.hear("ModelDeployment", gone, deleted=True))
        await until(lambda: desk.publisher._pace.failures)

    await until(lambda: (snapshot := desk.snapshot()) is not None and not snapshot.models)


async def test_too_large_a_snapshot_keeps_the_last_good_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is refused with a word in the status; the last good revision stays in force."""
    desk.put("ModelDeployment", "chat", ECHO)
    await until(lambda: desk.condition("ModelDeployment", "chat", "Accepted")[0])
    index = desk.part(codec.INDEX)
    monkeypatch.setattr(codec, "MAX_PART_BYTES", 60)

    desk.put("ModelDeployment", "more", ECHO)
    await until(lambda: desk.condition("ModelDeployment", "more", "Programmed")[1] == "NotPublished")

    message = next(c["message"] for c in desk.status("ModelDeployment", "more")["conditions"] if c["type"] == "Ready")
    assert "models" in message
    assert desk.part(codec.INDEX) == index


async def test_an_expiry_is_told_when_it_comes(desk: Desk) -> None:
    """Time alone brings a pass: a key that expires is told of though nothing changed."""
    moment = dt.datetime.fromtimestamp(desk.clock.now_ms() / 1000 + 1.5, dt.UTC)
    desk.put("VirtualKey", "short", {"expiresAt": moment.isoformat().replace("+00:00", "Z")})
    await until(lambda: desk.condition("VirtualKey", "short", "Active")[0] == "True")

    await until(lambda: desk.condition("VirtualKey", "short", "Active") == ("False", "Expired"))


LISTED = {"targets": [{"name": "t", "provider": {"type": "OpenAI", "auth": {"type": "None"}}}]}
BOOK = '- {provider: OpenAI, model: "*", pricing: {inputPerMillion: "7", outputPerMillion: "7"}}\n'


def put_book(desk: Desk, text: str, *, name: str = "prices") -> None:
    """Somebody applies a price book; the event arrives at once."""
    metadata = {"name": name, "namespace": HOME, "labels": {names.LABEL_PRICE_BOOK: "true"}}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"prices.yaml": text}}
    desk.publisher.changed(desk.world.hear("ConfigMap", desk.cluster.put(manifest)))


def input_price(desk: Desk) -> int | None:
    """What a million tokens of input cost in the snapshot, nano-USD; None without a price."""
    snapshot = desk.snapshot()
    price = snapshot.models[0].targets[0].price if snapshot and snapshot.models else None
    return price.input_nusd_per_mtok if price else None


def notes(desk: Desk) -> dict[str, list[str]]:
    """What Events about ConfigMaps say, by reason."""
    events = [item for (kind, _, _), item in desk.cluster.objects.items() if kind == "Event"]
    ours = [item for item in events if item["regarding"]["kind"] == "ConfigMap"]
    assert all((item["regarding"]["apiVersion"], item["metadata"]["namespace"]) == ("v1", HOME) for item in ours)
    return {reason: [i["note"] for i in ours if i["reason"] == reason] for reason in {i["reason"] for i in ours}}


async def test_a_price_book_prices_and_a_broken_one_changes_nothing(desk: Desk) -> None:
    """Prices of the install reach the snapshot; a bad edit is told once, names its entry and leaves the last good."""
    desk.put("ModelDeployment", "gpt-4o-mini", LISTED)
    await until(lambda: input_price(desk) == 150_000_000)
    put_book(desk, BOOK)
    await until(lambda: input_price(desk) == 7_000_000_000)
    put_book(desk, BOOK.replace('"7"', "8", 1))
    await until(lambda: notes(desk))
    desk.put("ModelDeployment", "gpt-4o-mini", {**LISTED, "aliases": ["fast"]})
    await until(lambda: (snapshot := desk.snapshot()) and snapshot.models[0].aliases)

    assert input_price(desk) == 7_000_000_000
    (note,) = notes(desk)["PriceBookInvalid"]
    assert note.startswith("The last good content stays in force; entry 1 (OpenAI, *): pricing.inputPerMillion: ")


async def test_books_that_contradict_each_other_are_told(desk: Desk) -> None:
    """The later book is told which entry does not count, and why."""
    put_book(desk, BOOK, name="a")
    put_book(desk, BOOK.replace("7", "9"), name="b")
    await until(lambda: notes(desk))

    assert notes(desk) == {"PriceBookConflict": [f"(OpenAI, *): {HOME}/a has other prices and comes first"]}
