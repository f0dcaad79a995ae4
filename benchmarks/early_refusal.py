"""How much of a Budget is unused when the first call is refused: what is held is a bound, and a bound is too much.

    python benchmarks/early_refusal.py [--seeds 5]

A seeded stream of bodies of the kinds that applications send, so many in flight at a time, against one Budget in money.
Two ways to hold: every byte of the body and the full ceiling (``bytes``), and what :class:`Demands` says, with a lower
ceiling where the full one does not fit (``bounds``).  Needs nothing but the package; prints a Markdown table.
"""

import argparse
import base64
import json
import random
import statistics
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sluice_contract.money import NANO_PER_USD
from sluice_contract.snapshot import Budget, Key, Model, Price, Snapshot, Target, Upstream
from sluice_contract.windows import Period
from sluice_dataplane.config.table import Table
from sluice_dataplane.dialects.openai.fields import read_ask
from sluice_dataplane.exchange import Exchange, Principal
from sluice_dataplane.pipeline.amounts import Call
from sluice_dataplane.pipeline.demand import Demands
from sluice_dataplane.pipeline.resolve import resolve
from sluice_dataplane.usage.pricing import cost_bound

PRICE = Price(version="gpt-4o", input_nusd_per_mtok=2_500_000_000, output_nusd_per_mtok=10_000_000_000)
DEFAULT_CEILING = 4_096
NOW_MS = 1_790_000_000_000
BEFORE_IMAGE_TOKENS = 4_096  # and every byte of its base64 besides
WORDS = ("the", "of", "and", "to", "budget", "which", "answer", "have", "that", "call", "window", "is")


@dataclass(frozen=True)
class Ask:
    """One call: its body, and the tokens that it comes to where no ceiling cuts it off."""

    body: bytes
    given: int
    made: int

    def cost(self, ceiling: int) -> int:
        """What the provider bills."""
        made = min(self.made, ceiling)
        return (self.given * PRICE.input_nusd_per_mtok + made * PRICE.output_nusd_per_mtok) // 1_000_000


Hold = Callable[[Ask, int], tuple[int, int] | None]  # of what is left: how much to hold, and the ceiling; None: refused


def text(draw: random.Random, tokens: int, *, chinese: bool = False) -> str:
    """About so many tokens."""
    if chinese:
        return "".join(chr(0x4E00 + draw.randrange(2_000)) for _ in range(tokens))
    return " ".join(draw.choices(WORDS, k=tokens))


def asks(draw: random.Random) -> Iterator[Ask]:
    """A mixed day: chats, retrieval, agents with tools, Chinese, pictures; some name a ceiling."""
    picture = base64.b64encode(draw.randbytes(150_000)).decode()
    tools = [
        {"type": "function", "function": {"name": f"tool_{n}", "description": text(draw, 60), "parameters": {}}}
        for n in range(12)
    ]
    while True:
        kind = draw.choices(("chat", "retrieval", "agent", "chinese", "picture"), (50, 20, 15, 10, 5))[0]
        given = {"chat": 250, "retrieval": 3_000, "agent": 4_000, "chinese": 400, "picture": 150}[kind]
        given = max(int(draw.gauss(given, given / 4)), 50)
        content: object = text(draw, given, chinese=kind == "chinese")
        body: dict[str, object] = {"model": "gpt-4o"}
        if kind == "picture":
            url = {"url": f"data:image/jpeg;base64,{picture}"}
            content, given = [{"type": "text", "text": content}, {"type": "image_url", "image_url": url}], given + 765
        if kind == "agent":
            body["tools"], given = tools, given + 12 * 75
        body["messages"] = [{"role": "system", "content": text(draw, 60)}, {"role": "user", "content": content}]
        if draw.random() < 0.25:
            body["max_tokens"] = 1_000
        made = min(int(draw.lognormvariate(5.6, 0.8)), 1_000)  # a median of 270 tokens
        yield Ask(json.dumps(body).encode(), given + 60, made)


def hold_bytes(ask: Ask, left: int) -> tuple[int, int] | None:
    """Every byte of the body is a token, and the ceiling is what it is."""
    ceiling = read_ask(ask.body).max_output_tokens or DEFAULT_CEILING
    tokens = len(ask.body) + BEFORE_IMAGE_TOKENS * ask.body.count(b'"image_url"')
    amount = cost_bound((PRICE,), input_tokens=tokens, output_tokens=ceiling)
    return (amount, ceiling) if amount <= left else None


class Bounds:
    """What the data plane does."""

    def __init__(self) -> None:
        held = Budget(id="b", namespace="n", name="b", unit="Cost", amount=1, period=Period(unit="Month"))
        self.key = Key(id="k", namespace="n", name="k", budget_ids=("b",))
        target = Target(name="t", upstream_id="up", price=PRICE)
        model = Model(name="gpt-4o", uid="m", namespace="n", resource="m", targets=(target,), context_window=128_000)
        up = Upstream(id="up", type="OpenAI", provider_name="openai")
        snapshot = Snapshot(models=(model,), upstreams=(up,), budgets=(held,), keys=(self.key,))
        self.table = Table.build(snapshot, revision="r")
        self.demands = Demands(hold_ttl_ms=60_000, default_ceiling=DEFAULT_CEILING)

    def __call__(self, ask: Ask, left: int) -> tuple[int, int] | None:
        """The bound; with a lower ceiling where that is what fits."""
        read, who = read_ask(ask.body), Principal(self.key, "c")
        exchange = Exchange("x", "chat", self.table, NOW_MS, 0.0, (), ask.body, "")
        call = Call(exchange, who, read, NOW_MS)
        demand = self.demands.of(call, resolve(self.table, who, read, draw=lambda: 0.5))
        if demand.reservation.charges[0].amount > left:
            clamped = self.demands.clamped(call, demand, 0, left)
            if clamped is None:
                return None
            demand = clamped
        return demand.reservation.charges[0].amount, demand.ceiling or 0


def unused(hold: Hold, *, budget_usd: int, in_flight: int, seed: int) -> tuple[float, float]:
    """Percent of the Budget that is not spent at the first refusal, with those in flight at their cost; and at the end,
    when a hundred calls in a row were refused.
    """
    draw = random.Random(seed)
    limit, posted, held, refused = budget_usd * NANO_PER_USD, 0, 0, 0
    flying: deque[tuple[int, int]] = deque()
    first: float | None = None
    for ask in asks(draw):
        if len(flying) >= in_flight:
            amount, cost = flying.popleft()
            held, posted = held - amount, posted + cost
        taken = hold(ask, limit - posted - held)
        if taken is not None:
            amount, ceiling = taken
            refused = 0
            held += amount
            flying.append((amount, ask.cost(ceiling)))
            assert flying[-1][1] <= amount, "a call cost more than was held for it"
            continue
        refused += 1
        if first is None:
            first = 100 - 100 * (posted + sum(cost for _, cost in flying)) / limit
        if refused == 100:
            break
        if flying:
            amount, cost = flying.popleft()
            held, posted = held - amount, posted + cost
    assert first is not None
    return first, 100 - 100 * posted / limit


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    ways: dict[str, Hold] = {"bytes": hold_bytes, "bounds": Bounds()}
    print("| Budget | in flight | unused at the first refusal: bytes | bounds | unused at the end: bytes | bounds |")
    print("|---|---|---|---|---|---|")
    for budget_usd, in_flight in ((1, 1), (1, 10), (10, 1), (10, 10), (10, 50), (100, 50)):
        found = {
            name: [unused(hold, budget_usd=budget_usd, in_flight=in_flight, seed=seed) for seed in range(options.seeds)]
            for name, hold in ways.items()
        }
        cells = [f"{statistics.median(each[which] for each in found[name]):.1f} %" for which in (0, 1) for name in ways]
        print(f"| {budget_usd} USD | {in_flight} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
