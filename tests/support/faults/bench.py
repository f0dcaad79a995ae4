"""A data plane in a process of its own before the provider that breaks; each call is seen from both ends."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import msgspec

from sluice_contract.snapshot import Health, Model, Retry, Timeouts
from sluice_contract.usage import UsageRecord
from support.builders import budget, key
from support.faults.fronts import FRONTS, Read, body_of, path_of, read_array, read_plain, read_stream
from support.faults.upstream import FaultyUpstream, Play, Spoken
from support.journals import records
from support.process import PlaneProcess, fleet
from support.wire_plane import PATHS, model_of, snapshot_of

BACKS: Final = tuple(PATHS)
PAIRS: Final = [(front, back) for back in BACKS for front in FRONTS]  # passed on where both are one
SENTENCE: Final = "a sentence of some length, so that it comes in a good number of events"
ASKED: Final = f"#do say {SENTENCE}"
PATIENT: Final = Timeouts(request_ms=60_000, connect_ms=1_000, first_token_ms=20_000, between_tokens_ms=20_000)
HASTY: Final = Timeouts(request_ms=3_000, connect_ms=300, first_token_ms=300, between_tokens_ms=300)
HASTIEST: Final = Timeouts(request_ms=300, connect_ms=300, first_token_ms=300, between_tokens_ms=300)


class Seen(msgspec.Struct):
    """One call from both ends.  ``tries``: what the provider was asked, and would have said."""

    front: str
    stream: bool
    array: bool
    answer: httpx.Response
    content: bytes
    records: list[UsageRecord]
    tries: list[Spoken]
    posted_nusd: int

    @property
    def passed(self) -> bool:
        """Whether the provider spoke the client's own wire."""
        return self.tries[0].wire == self.front

    def read(self) -> Read:
        """What the client makes of it."""
        kind = self.answer.headers["content-type"]
        if self.array and self.answer.status_code == 200:
            return read_array(self.content)
        if kind.startswith("text/event-stream"):
            return read_stream(self.front, self.content)
        return read_plain(self.front, self.content)


class Bench(msgspec.Struct):
    """The plane and its provider."""

    plane: PlaneProcess
    upstream: FaultyUpstream

    async def call(
        self, front: str, back: str, play: Play, *, stream: bool, array: bool = False, patience: str = "m"
    ) -> Seen:
        """One call to the model of the wire *back*; *patience* is ``m`` (much), ``hasty`` or ``hastiest``."""
        self.upstream.play = play
        name = f"{patience}-{back}"
        tries, told, posted = len(self.upstream.spoken), len(records(self.plane.data_dir)), await self._posted()
        path, body = path_of(front, name, stream=stream, array=array), body_of(front, name, ASKED, stream=stream)
        answer = await self.plane.post(path, body)
        return Seen(
            front=front,
            stream=stream,
            array=array,
            answer=answer,
            content=answer.content,
            records=records(self.plane.data_dir)[told:],
            tries=self.upstream.spoken[tries:],
            posted_nusd=await self._posted() - posted,
        )

    async def _posted(self) -> int:
        """What the budget has come to; nothing may be held between calls."""
        accounts = (await self.plane.spend())["accounts"]
        assert all(account["held"] == account["orphaned"] == 0 for account in accounts.values()), accounts
        return sum(account["posted"] for account in accounts.values())


def _model(wire: str, patience: str, timeouts: Timeouts) -> Model:
    return model_of(
        wire,
        name=f"{patience}-{wire}",
        timeouts=timeouts,
        # Each fault meets the same world: nothing is tried again, nothing is set aside.
        retry=Retry(attempts=0),
        health=Health(consecutive_failures=1_000_000),
    )


@contextlib.asynccontextmanager
async def fault_bench(folder: Path) -> AsyncIterator[Bench]:
    """A plane with models ``m-``, ``hasty-`` and ``hastiest-`` of each wire."""
    held = budget(amount=10**15)
    async with FaultyUpstream() as upstream:
        world = snapshot_of(
            upstream,
            models=tuple(
                _model(wire, patience, timeouts)
                for wire in BACKS
                for patience, timeouts in (("m", PATIENT), ("hasty", HASTY), ("hastiest", HASTIEST))
            ),
            keys=(key(budget_ids=(held.id,)),),
            budgets=(held,),
        )
        async with fleet(folder, world) as planes:
            yield Bench(planes[0], upstream)
