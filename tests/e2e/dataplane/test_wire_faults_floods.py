"""A provider that never stops: lines, frames, heads and bodies of 100 MB end in an error, and are never held."""

from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest
import pytest_asyncio

from support.faults import plays, streams
from support.faults.bench import BACKS, SENTENCE, Bench, Seen, fault_bench
from support.faults.bills import check_bill
from support.faults.streams import SSE, text_before
from support.faults.upstream import Flood, Play, Spoken, Step

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEGABYTE: Final = 1024 * 1024
FLOOD: Final = Flood(b"x" * 65_536, 1_600)
# A picture comes in one event, of 32 MB at most: that is held, as it came and as what it carries, until it is whole or
# too long.  Afterwards nothing is.
EVENT_MB: Final = 120
AFTER_MB: Final = 40
OTHER_FRONT: Final = {
    "chat": "messages",
    "responses": "gemini",
    "messages": "chat",
    "gemini": "responses",
    "converse": "chat",
}
PAIRS: Final = [
    *((wire, wire) for wire in SSE),
    *((OTHER_FRONT[wire], wire) for wire in BACKS),
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One for what is never held at all."""
    async with fault_bench(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One for each case: what a process once held, it may keep."""
    async with fault_bench(tmp_path_factory.mktemp("faults")) as made:
        yield made


async def measured(bench: Bench, front: str, back: str, play: Play, *, stream: bool) -> tuple[Seen, float, float]:
    """One call, by how many MB the process was larger at its largest, and by how many it is afterwards."""
    await bench.call(front, back, plays.good, stream=stream)
    before = bench.plane.rss_bytes
    seen = await bench.call(front, back, play, stream=stream)
    grown = bench.plane.rss_bytes - before
    return seen, (bench.plane.peak_bytes - before) / MEGABYTE, grown / MEGABYTE


def line(spoken: Spoken) -> list[Step]:
    """One event that never ends."""
    head = plays.stream_head(spoken)
    before = [plays.chunk(event) for event in streams.first(spoken)]
    return [head, *before, b"%x\r\n" % (6 + FLOOD.size), b"data: ", FLOOD, b"\r\n0\r\n\r\n"]


def lines(spoken: Spoken) -> list[Step]:
    """One event of lines without end."""
    many = Flood(b"data: xxxxxxxxxxxxxxxxxxxxxxxx\n" * 2_048, 1_700)
    before = [plays.chunk(event) for event in streams.first(spoken)]
    return [plays.stream_head(spoken), *before, b"%x\r\n" % many.size, many, b"\r\n0\r\n\r\n"]


def frame(spoken: Spoken) -> list[Step]:
    """One frame of 100 MB, announced as such."""
    begun = streams.prelude(16 + FLOOD.size)
    before = [plays.chunk(event) for event in streams.first(spoken)]
    return [plays.stream_head(spoken), *before, b"%x\r\n" % (len(begun) + FLOOD.size), begun, FLOOD, b"\r\n0\r\n\r\n"]


def no_frame(spoken: Spoken) -> list[Step]:
    """100 MB that are no frames at all."""
    before = [plays.chunk(event) for event in streams.first(spoken)]
    return [plays.stream_head(spoken), *before, b"%x\r\n" % FLOOD.size, FLOOD, b"\r\n0\r\n\r\n"]


@pytest.mark.parametrize(
    ("front", "back", "play"),
    [
        *((front, back, line) for front, back in PAIRS if back != "converse"),
        *((wire, wire, lines) for wire in SSE),
        ("chat", "converse", frame),
        ("messages", "converse", no_frame),
    ],
)
async def test_an_event_that_never_ends(
    bench: Bench, front: str, back: str, play: Play, figure: Callable[[str, object], None]
) -> None:
    """What came before it is the client's, then one error; the process never grows by more than one event may."""
    seen, peak_mb, grown_mb = await measured(bench, front, back, play, stream=True)

    read = seen.read()
    assert ([code for _, code, _ in read.errors], read.whole) == (["upstream_error"], False)
    assert read.text == text_before(back, SENTENCE)
    check_bill(seen, "at least", text=read.text)
    figure(
        f"memory grown by an event of 100 MB, {back} to {front}, {play.__name__}",
        f"{peak_mb:.0f} MB, {grown_mb:.0f} MB afterwards",
    )
    assert peak_mb < EVENT_MB
    assert grown_mb < AFTER_MB


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("back", BACKS)
async def test_a_head_that_never_ends(
    shared: Bench, back: str, stream: bool, figure: Callable[[str, object], None]
) -> None:
    """64 KiB of headers are enough: a 502, and what it may have cost."""
    front = OTHER_FRONT[back]
    seen, peak_mb, _ = await measured(shared, front, back, plays.endless_headers, stream=stream)

    ((_, code, _),) = seen.read().errors
    assert (seen.answer.status_code, code) == (502, "upstream_error")
    check_bill(seen, "unseen")
    figure(f"memory grown by a head of 100 MB, {back}", f"{peak_mb:.0f} MB")
    assert peak_mb < 5


@pytest.mark.parametrize("back", BACKS)
async def test_a_body_that_is_longer_than_any_answer(
    bench: Bench, back: str, figure: Callable[[str, object], None]
) -> None:
    """160 MB are cut off at the 64 MB that an answer may have, whatever it promises: a 502, and what it may cost."""
    front = OTHER_FRONT[back]
    seen, peak_mb, grown_mb = await measured(bench, front, back, plays.endless_body, stream=False)

    ((_, code, _),) = seen.read().errors
    assert (seen.answer.status_code, code) == (502, "upstream_error")
    check_bill(seen, "unseen")
    figure(f"memory grown by a body of 160 MB, {back}", f"{peak_mb:.0f} MB, {grown_mb:.0f} MB afterwards")
    assert peak_mb < 100
    assert grown_mb < AFTER_MB


@pytest.mark.parametrize(
    ("front", "back", "play"),
    [
        *(("chat", "chat", line), ("messages", "chat", line), ("responses", "gemini", line)),
        *(("gemini", "responses", lines), ("chat", "converse", frame)),
    ],
)
async def test_memory_does_not_grow_with_the_number_of_faults(bench: Bench, front: str, back: str, play: Play) -> None:
    """The sixth time costs no more than the second: nothing of a broken answer is kept."""
    for _ in range(2):
        await bench.call(front, back, play, stream=True)
    before = bench.plane.rss_bytes
    for _ in range(4):
        await bench.call(front, back, play, stream=True)

    assert (bench.plane.rss_bytes - before) / MEGABYTE < AFTER_MB
