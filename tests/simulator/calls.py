"""One client's call through one data plane: opened, sent, streamed, settled; tried again where nothing came of it."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final

from simulator.bill import IN_FLIGHT_TOKENS, Attempt, Bill
from simulator.plane import Life
from simulator.scenario import RATES, REQUEST_NUSD, TTL_MS, Caller, amount_of
from simulator.watch import Watch
from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_dataplane.errors import JournalError, StoreError
from sluice_dataplane.limits.store import Held, KeyUsage, Reservation, Settlement
from sluice_dataplane.usage.draft import Draft

MOST_TRIES: Final = 3


class Call:
    """One exchange, in up to MOST_TRIES attempts."""

    def __init__(self, call_id: str, caller: Caller, life: Life, rng: random.Random) -> None:
        self._id = call_id
        self._caller = caller
        self._life = life
        self._rng = rng
        self._bound = rng.choice((40, 150, 600)) + rng.randint(0, 50), rng.choice((30, 120, 500)) + rng.randint(0, 50)
        self._stream = rng.random() < 0.6
        self._tries = 0

    async def run(self, bill: Bill, watch: Watch, tally: Counter[str]) -> None:
        """Make the call; returns early when its process has died."""
        attempt = await self._open(bill, watch, tally)
        while attempt is not None:
            if self._rng.random() < 0.04:  # the client went away, or no upstream could be reached
                self._void(attempt)
                return
            await self._breathe(0.01)
            if not self._may_go_on(attempt):
                return
            self._life.ledger.sent(attempt.id)
            attempt.send()
            unanswered = self._tries < MOST_TRIES and self._rng.random() < 0.08
            await (self._breathe(5) if unanswered else self._answer(attempt))
            if not self._may_go_on(attempt):
                return
            following = await self._open(bill, watch, tally) if unanswered and self._rng.random() < 0.7 else None
            if not self._may_go_on(attempt):
                return
            self._settle(attempt, unanswered=unanswered)
            attempt = following if following is None or self._may_go_on(following) else None

    def _may_go_on(self, attempt: Attempt) -> bool:
        return self._life.alive and not attempt.lost

    async def _breathe(self, most_s: float) -> None:
        await asyncio.sleep(self._rng.uniform(0, most_s))
        await self._life.way.gate.wait()

    async def _open(self, bill: Bill, watch: Watch, tally: Counter[str]) -> Attempt | None:
        life, caller, rng = self._life, self._caller, self._rng
        self._tries += 1
        hold_id = self._id if self._tries == 1 else f"{self._id}~{self._tries}"
        at_ms = life.plane.loop.now_ms
        attempt = Attempt(hold_id, life.ledger.source, caller, at_ms, bound=self._bound)
        attempt.stream = self._stream
        attempt.input = rng.randint(1, self._bound[0])
        bill.add(attempt)
        tokens = sum(self._bound) if rng.random() < 0.7 else rng.randint(1, 2 * sum(self._bound))
        reservation = Reservation(hold_id, caller.rates(tokens), caller.leases(), attempt.charges, TTL_MS)
        attempt.costs = tuple(rate.cost for rate in reservation.rates)
        try:
            result = await life.ledger.open(reservation, draft=self._draft(attempt), away=caller.away)
        except StoreError as error:
            tally["no store" if error.transient else "no store, for good"] += 1
            return None
        except JournalError:
            tally["no journal"] += 1
            return None
        if not life.alive:
            return None
        if not isinstance(result, Held):
            tally[f"refused {result.kind}"] += 1
            return None
        tally["admissions"] += 1
        life.attempts[hold_id] = attempt
        attempt.begin()
        attempt.reservation = reservation
        watch.losses.begun(attempt)
        if hold_id not in watch.grants:
            tally[f"offline admissions, {caller.away}"] += 1
            attempt.uncounted = caller.away == "Open"
        return attempt

    def _draft(self, attempt: Attempt) -> Draft:
        most = TokenUsage(input=self._bound[0], output=self._bound[1])
        return Draft(
            record=self._record(attempt, most, outcome="ok", at_ms=attempt.at_ms),
            input_tokens=attempt.input + self._rng.randint(0, attempt.bound_input - attempt.input),
            units=attempt.units,
            rates=RATES,
            request_nusd=REQUEST_NUSD,
        )

    async def _answer(self, attempt: Attempt) -> None:
        """The upstream answers; a few answers come to more than was held for them."""
        rng, ledger = self._rng, self._life.ledger
        total = rng.randint(0, attempt.bound_output)
        if rng.random() < 0.03:
            total += attempt.bound_output + rng.randint(1, 200)
        if not attempt.stream:
            await self._breathe(rng.choice((0.3, 3, 20)))
            if self._may_go_on(attempt):
                attempt.output = total
            return
        pace = rng.choice((0.05, 0.5, 3))
        while attempt.output < total and self._may_go_on(attempt):
            attempt.output = min(attempt.output + rng.randint(1, 60), total)
            await self._breathe(pace)
            if not self._may_go_on(attempt):
                return
            attempt.stalled = rng.random() < 0.1
            attempt.seen = attempt.output
            ledger.saw(attempt.id, attempt.seen, stalled=attempt.stalled)

    def _void(self, attempt: Attempt) -> None:
        attempt.over = attempt.settled = True
        reservation = attempt.reservation
        assert reservation is not None
        used = tuple(0 for _ in reservation.rates)
        self._end(attempt, Settlement(reservation, used, tuple(0 for _ in attempt.charges)), None)

    def _settle(self, attempt: Attempt, *, unanswered: bool) -> None:
        attempt.over = attempt.settled = True
        attempt.unanswered = unanswered
        if unanswered:  # the upstream bills it all the same, or not, or in part
            most = min(IN_FLIGHT_TOKENS, attempt.bound_output) if attempt.stream else attempt.bound_output
            attempt.output = self._rng.choice((0, self._rng.randint(0, most)))
        output = attempt.bound_output if unanswered else attempt.output
        tokens_in = attempt.bound_input if unanswered else attempt.input
        usage = TokenUsage(input=tokens_in, output=output, estimated=unanswered)
        at_ms = self._life.plane.loop.now_ms
        record = self._record(attempt, usage, outcome="failed" if unanswered else "ok", at_ms=at_ms)
        month = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m")
        key_usage = KeyUsage(self._caller.key_id, month, 1, tokens_in, output, record.cost_nusd, at_ms)
        spent = tuple(amount_of(unit, tokens_in, output) for unit in attempt.units)
        assert attempt.reservation is not None
        self._end(
            attempt,
            Settlement(attempt.reservation, self._caller.used(tokens_in + output), spent, key_usage),
            record,
        )

    def _end(self, attempt: Attempt, settlement: Settlement, record: UsageRecord | None) -> None:
        self._life.attempts.pop(attempt.id, None)
        self._life.ledger.settle(settlement, record)

    def _record(self, attempt: Attempt, usage: TokenUsage, *, outcome: Any, at_ms: int) -> UsageRecord:
        number = int(attempt.id.partition("~")[2] or 1)
        return UsageRecord(
            id=self._id,
            source="",
            sequence=0,
            at_ms=at_ms,
            key_id=self._caller.key_id,
            key=f"team/{self._caller.key_id}",
            model="m",
            target="t",
            upstream_model="m",
            endpoint="chat",
            status=200 if outcome == "ok" else 504,
            outcome=outcome,
            attempts=number,
            usage=usage,
            cost_nusd=amount_of("Cost", usage.input, usage.output),
            stream=attempt.stream,
            attempt=number,
            flags=("unanswered",) if outcome == "failed" else (),
        )
