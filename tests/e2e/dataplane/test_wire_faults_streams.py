"""Streams of every wire that come in an unusual way, or break: nothing is lost, one error ends them, billed right."""

import re
from collections.abc import AsyncIterator
from typing import Final

import msgspec
import pytest
import pytest_asyncio

from support.faults import plays, streams
from support.faults.bench import BACKS, PAIRS, SENTENCE, Bench, fault_bench
from support.faults.bills import check_bill
from support.faults.plays import at_once, in_bytes, of_events
from support.faults.streams import SSE, each, text_before
from support.faults.upstream import Play, Signal

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Gemini's clients may have their stream as one array.
FORMS: Final = [(front, array, back) for front, back in PAIRS for array in ((False, True)[: 1 + (front == "gemini")])]
NAMED: Final = ("messages", "responses")  # whose events have names
USUAL: Final[dict[str, tuple[Play, tuple[str, ...]]]] = {
    "in-bytes": (in_bytes(lambda spoken: spoken.events), BACKS),
    "at-once": (at_once(lambda spoken: spoken.events), BACKS),
    "crlf": (of_events(each(streams.crlf)), SSE),
    "crlf-in-bytes": (in_bytes(each(streams.crlf)), SSE),
    "lone-cr": (of_events(each(streams.lone_cr)), SSE),
    "lone-cr-in-bytes": (in_bytes(each(streams.lone_cr)), SSE),
    "bom": (of_events(streams.with_bom), SSE),
    "comments": (of_events(each(streams.commented)), SSE),
    "no-event-lines": (of_events(each(streams.without_names)), NAMED),
    "no-space": (of_events(each(streams.without_space)), SSE),
    "data-over-lines": (of_events(each(streams.over_lines)), SSE),
    "unknown-events": (of_events(streams.with_news), BACKS),
}


class Broken(msgspec.Struct, frozen=True):
    """One fault within a stream.  ``exact``: all that came before it is the client's; a reset may swallow some.

    ``unreadable``: it is one only where it is read; what passes is not looked at.
    """

    play: Play
    code: str = "upstream_error"
    exact: bool = True
    unreadable: bool = False
    backs: tuple[str, ...] = BACKS
    patience: str = "m"


TOO_LONG: Final = b"".join((streams.prelude(100 * 1024 * 1024), b"x" * 1024))
BROKEN: Final = {
    "half-event": Broken(of_events(streams.half_event)),
    "early-end": Broken(of_events(streams.first)),
    "closed": Broken(of_events(streams.first, Signal.CLOSE)),
    "reset": Broken(of_events(streams.first, Signal.RESET), exact=False),
    "stalled": Broken(of_events(streams.first, Signal.STALL), "upstream_timeout", patience="hasty"),
    "half-event-stalled": Broken(of_events(streams.half_event, Signal.STALL), "upstream_timeout", patience="hasty"),
    "no-json": Broken(of_events(streams.no_json), unreadable=True),
    "no-json-at-once": Broken(at_once(streams.no_json), unreadable=True),
    "wrong-types": Broken(of_events(streams.wrong_types), unreadable=True),
    "wrong-checksum": Broken(of_events(streams.wrong_checksum), backs=("converse",)),
    "wrong-checksum-at-once": Broken(at_once(streams.wrong_checksum), backs=("converse",)),
    "wrong-prelude": Broken(of_events(streams.wrong_prelude), backs=("converse",)),
    "too-long-a-frame": Broken(of_events(lambda spoken: [*streams.first(spoken), TOO_LONG]), backs=("converse",)),
}
OWN: Final[dict[str, tuple[Play, str]]] = {
    "then-the-end": (of_events(streams.own_error), "m"),
    "at-once": (at_once(streams.own_error), "m"),
    "in-bytes": (in_bytes(streams.own_error), "m"),
    "then-a-reset": (of_events(streams.own_error, Signal.RESET), "m"),
    "then-nothing": (of_events(streams.own_error, Signal.STALL), "hasty"),
    "then-its-usual-end": (of_events(streams.error_and_end), "m"),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One for all."""
    async with fault_bench(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.mark.parametrize(
    ("front", "back", "name"),
    [(front, back, name) for name, (_, backs) in USUAL.items() for front, back in PAIRS if back in backs],
)
async def test_what_is_only_unusual_is_a_good_answer(bench: Bench, front: str, back: str, name: str) -> None:
    """However its lines end and its bytes come, the client has all of it and the bill is the provider's."""
    play, _ = USUAL[name]
    seen = await bench.call(front, back, play, stream=True)

    read = seen.read()
    assert (read.text, read.whole, read.errors) == (SENTENCE, True, [])
    check_bill(seen, "exactly")


@pytest.mark.parametrize(
    ("front", "array", "back", "name"),
    [
        (front, array, back, name)
        for name, case in BROKEN.items()
        for front, array, back in FORMS
        if back in case.backs and not (case.unreadable and front == back)
    ],
)
async def test_a_stream_that_breaks(bench: Bench, front: str, back: str, name: str, array: bool) -> None:
    """What came before is the client's; then one error in its own form, no end, and a bill of what came at least."""
    case = BROKEN[name]
    seen = await bench.call(front, back, case.play, stream=True, array=array, patience=case.patience)

    read = seen.read()
    before = text_before(back, SENTENCE)
    assert seen.answer.status_code == 200
    assert read.text == before if case.exact else before.startswith(read.text)
    ((status, code, message),) = read.errors
    if case.unreadable:
        assert "stream cannot be read" in message or code == "upstream_error"
    else:
        expected = {"upstream_error": 502, "upstream_timeout": 504}[case.code]
        assert (status, code) == (expected if front == "gemini" else None, case.code)
    assert not read.whole
    assert [record.outcome for record in seen.records] == ["partial"]
    check_bill(seen, "at least", text=read.text)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize(("front", "array", "back"), FORMS)
async def test_a_providers_own_error_is_the_only_one(
    bench: Bench, front: str, back: str, name: str, array: bool
) -> None:
    """It passes as it came, or in the client's own form; nothing that follows it makes another, or an answer, of it."""
    play, patience = OWN[name]
    seen = await bench.call(front, back, play, stream=True, array=array, patience=patience)

    read = seen.read()
    before = text_before(back, SENTENCE)
    assert [message for *_, message in read.errors] == ["scripted break"]
    assert read.text.startswith(before)
    assert front == back or (read.text == before and not read.whole)
    assert [record.outcome for record in seen.records] == ["partial"]
    check_bill(seen, "at least", text=before)


@pytest.mark.parametrize(("front", "back"), PAIRS)
async def test_an_error_alone_costs_nothing(bench: Bench, front: str, back: str) -> None:
    """A provider that says nothing but that it failed has made no answer, whatever its status was."""
    seen = await bench.call(front, back, of_events(streams.error_alone), stream=True)

    assert [message for *_, message in seen.read().errors] == ["scripted break"]
    check_bill(seen, "nothing")


@pytest.mark.parametrize(("front", "back"), PAIRS)
async def test_signs_of_life_are_no_answer(bench: Bench, front: str, back: str) -> None:
    """A stream that ends with them alone broke."""
    seen = await bench.call(front, back, of_events(streams.only_comments), stream=True)

    read = seen.read()
    assert ([code for _, code, _ in read.errors], read.text, read.whole) == (["upstream_error"], "", False)
    check_bill(seen, "at least", text="")


@pytest.mark.parametrize("wire", SSE)
@pytest.mark.parametrize("name", ["no-json", "wrong-types"])
async def test_what_passes_is_not_judged(bench: Bench, wire: str, name: str) -> None:
    """An event that we cannot read may be one that the client can: it goes out as it came, and counts."""
    seen = await bench.call(wire, wire, BROKEN[name].play, stream=True)

    (spoken,) = seen.tries
    change = streams.no_json if name == "no-json" else streams.wrong_types
    assert _unmasked(seen.content) == b"".join(event for event in change(spoken) if not _is_ours(event))
    check_bill(seen, "exactly")


@pytest.mark.parametrize("wire", SSE)
async def test_lines_pass_as_they_came(bench: Bench, wire: str) -> None:
    """Byte order mark, comments and CRLF are the provider's and the client's business."""
    play = of_events(
        lambda spoken: [b"\xef\xbb\xbf", *each(lambda event: streams.crlf(streams.commented(event)))(spoken)]
    )
    seen = await bench.call(wire, wire, play, stream=True)

    (spoken,) = seen.tries
    left = streams.crlf(b": keep-alive\n\n\n")  # around the event that only the gateway asked for
    sent = [left if _is_ours(event) else streams.crlf(streams.commented(event)) for event in spoken.events]
    assert _unmasked(seen.content) == b"\xef\xbb\xbf" + b"".join(sent)
    check_bill(seen, "exactly")


def _is_ours(event: bytes) -> bool:
    """Whether it is the usage of a chat whose client did not ask for it."""
    return b'"choices":[],"usage"' in event


def _unmasked(content: bytes) -> bytes:
    """With the provider's own ids of kept responses."""
    return re.sub(rb"resp_[\w-]{22}_(?=resp_)", b"", content)


async def test_a_good_answer_in_a_hurry_is_one(bench: Bench) -> None:
    """The bench itself: what is late in other tests is so by its fault, not by the hurry alone."""
    seen = await bench.call("chat", "chat", plays.good, stream=False, patience="hasty")

    assert seen.read().text == SENTENCE
