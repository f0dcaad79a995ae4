"""Statuses and Events to the API server."""

from collections.abc import AsyncIterator

import pytest

from sluice_operator.inventory import ObjectName
from sluice_operator.manifests import Notice
from sluice_operator.publisher.conditions import Facts
from sluice_operator.verdicts import ResourceRef
from support.desk import TEAM, Desk, until
from support.manifests import BUDGET, ECHO


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk at work, with a model whose status is written."""
    async with Desk().working() as desk:
        desk.put("ModelDeployment", "chat", ECHO)
        await until(lambda: desk.condition("ModelDeployment", "chat", "Accepted")[0])
        yield desk


def uid(desk: Desk, kind: str = "ModelDeployment", name: str = "chat") -> str:
    """Its uid."""
    found: str = desk.cluster.objects[kind, TEAM, name]["metadata"]["uid"]
    return found


def status_writes(desk: Desk) -> int:
    """How many statuses were written."""
    return sum(1 for verb, _, _ in desk.cluster.calls if verb == "write_status")


async def test_what_is_said_already_is_not_written(desk: Desk) -> None:
    """Looking at an object again writes nothing where nothing differs."""
    before = status_writes(desk)
    desk.put("Budget", "marker", BUDGET)

    desk.scribe.write([uid(desk)])
    await until(lambda: desk.status("Budget", "marker"))

    assert status_writes(desk) == before + 1


async def test_the_event_of_our_own_write_wakes_nobody(desk: Desk) -> None:
    """The status that we wrote comes back as an event, and that is all."""
    written = desk.cluster.objects["ModelDeployment", TEAM, "chat"]

    change = desk.world.hear("ModelDeployment", written)

    assert (change.dirty, change.restated) == (False, None)


async def test_a_status_somebody_else_wrote_is_put_right(desk: Desk) -> None:
    """An edited status says ours again."""
    model = desk.cluster.objects["ModelDeployment", TEAM, "chat"]
    lied = desk.cluster.put({**model, "status": {"conditions": []}})

    desk.publisher.changed(desk.world.hear("ModelDeployment", lied))

    await until(lambda: desk.condition("ModelDeployment", "chat", "Accepted")[0] == "True")


async def test_an_object_that_is_gone_is_left_alone(desk: Desk) -> None:
    """A status is never written for an object that was deleted meanwhile."""
    gone = uid(desk)
    desk.cluster.remove("ModelDeployment", ObjectName(TEAM, "chat"))
    desk.statuses.note(gone, "spend", Facts({"targetSummary": "0/1"}))
    before = status_writes(desk)

    desk.scribe.write([gone])
    await until(lambda: status_writes(desk) == before + 1)

    assert ("ModelDeployment", TEAM, "chat") not in desk.cluster.objects


async def test_a_write_that_failed_is_made_later(desk: Desk) -> None:
    """When the server was away, what was to be said is said when it is back."""
    with desk.cluster.unreachable():
        desk.statuses.note(uid(desk), "targets", Facts({"targetSummary": "0/1"}))
        desk.scribe.write([uid(desk)])
        await until(lambda: desk.scribe._eager.empty() and desk.scribe._writing)

    await until(lambda: desk.status("ModelDeployment", "chat").get("targetSummary") == "0/1")


async def test_lazy_writes_are_made_too(desk: Desk) -> None:
    """Figures that may wait are written in their turn, each object once."""
    desk.statuses.note(uid(desk), "targets", Facts({"targetSummary": "9/9"}))
    before = status_writes(desk)

    for _ in range(5):
        desk.scribe.write_lazily([uid(desk)])
    await until(lambda: desk.status("ModelDeployment", "chat").get("targetSummary") == "9/9")

    assert status_writes(desk) == before + 1


async def test_trouble_is_told_once_as_an_event(desk: Desk) -> None:
    """A conflict is posted beside its object, under its reason, by our name."""
    desk.put("ModelDeployment", "younger", {**ECHO, "modelName": "chat"})
    await until(lambda: any(kind == "Event" for kind, _, _ in desk.cluster.objects))

    events = [item for (kind, _, _), item in desk.cluster.objects.items() if kind == "Event"]
    assert [(item["reason"], item["regarding"]["name"]) for item in events] == [("Conflicted", "younger")]
    assert events[0]["reportingController"] == "sluice-operator"
    assert events[0]["eventTime"].endswith("Z")


async def test_events_are_dropped_before_they_fill_the_memory() -> None:
    """Far too many Events at once are not kept: they are a courtesy."""
    desk = Desk()
    ref = ResourceRef("Budget", TEAM, "b", "u", 1)
    for number in range(5000):
        desk.scribe.tell(Notice(ref, "Warning", "R", str(number)))

    assert desk.scribe._notices.qsize() <= 1000
