"""What real SDKs make of a stream that breaks: they are told once, and have all that came before."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from support.builders import SECRET
from support.clients.environments import client_python
from support.faults import streams
from support.faults.bench import ASKED, BACKS, SENTENCE, Bench, fault_bench
from support.faults.plays import of_events
from support.faults.streams import text_before
from support.faults.upstream import Play
from support.sdk import output_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT: Final = Path(__file__).parents[2] / "support" / "faults" / "sdk_stream.py"
SDKS: Final = {
    "openai-2": ("chat", "responses"),
    "openai-3": ("chat", "responses"),
    "anthropic-1": ("messages",),
    "anthropic-2": ("messages",),
    "google-genai": ("gemini",),
}
RUN_SECONDS: Final = 120
FAILED: Final = ("error", "response.failed")  # events by which the Responses API's clients are told


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One for all."""
    async with fault_bench(tmp_path_factory.mktemp("faults")) as made:
        yield made


async def read(bench: Bench, sdk: str, front: str, back: str, play: Play) -> dict[str, Any]:
    """What *sdk* made of one stream."""
    bench.upstream.play = play
    python = await asyncio.to_thread(client_python, sdk)
    command = (str(python), "-I", str(SCRIPT), front, bench.plane.url, SECRET, f"m-{back}", ASKED)
    told: dict[str, Any] = json.loads(await output_of(*command, seconds=RUN_SECONDS))
    return told


@pytest.mark.parametrize(
    ("sdk", "front", "back"),
    [
        (sdk, front, back)
        for sdk, fronts in SDKS.items()
        for front in fronts
        for back in dict.fromkeys((front, *BACKS))
        if back in (front, "messages", "converse")
    ],
)
async def test_an_sdk_is_told_once(bench: Bench, sdk: str, front: str, back: str) -> None:
    """Of the provider's own error and of a break alike: by an exception, or the one event that its API has for it."""
    for play, words in ((of_events(streams.own_error), "scripted break"), (of_events(streams.first), "broke off")):
        told = await read(bench, sdk, front, back, play)

        times = sum(event in FAILED for event in told["events"]) + bool(told["raised"])
        assert times == 1, told
        assert told["text"] == text_before(back, SENTENCE)
        assert not told["raised"] or words in told["raised"]
