"""Minutes of everything at once: calls that end well, badly or not at all, edits, crashes, restarts.  ``make soak``."""

import asyncio
import os
import random
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from support.served import Served, eventually, ready

ROOT = Path(__file__).parents[2]
MINUTES = float(os.environ.get("SLUICE_SOAK_MINUTES") or 5)
LIFE_SECONDS = 30.0  # then it is killed and started again
CALLERS = 8
NANO_PER_USD = 1_000_000_000
LIMIT_USD = 5  # more than is spent: what is refused is refused by rates
GROWTH_KB = 20_000  # of resident memory within a life, after its first seconds


def body(*, stream: bool) -> dict[str, Any]:
    """One call's body."""
    words = "Hello " * random.randint(1, 50)
    return {"model": "echo", "stream": stream, "max_tokens": 64, "messages": [{"role": "user", "content": words}]}


async def call(client: httpx.AsyncClient, keys: list[str], seen: Counter[str]) -> None:
    """One call of some kind; what became of it is counted."""
    kind = random.choice(["plain", "plain", "stream", "leave", "wrong"])
    key = "sk-wrong" if kind == "wrong" else random.choice(keys)
    headers = {"Authorization": f"Bearer {key}"}
    request = client.stream(
        "POST", "/v1/chat/completions", headers=headers, json=body(stream=kind in ("stream", "leave"))
    )
    try:
        async with request as answer:
            if kind == "leave":
                seen["left"] += 1
                return
            text = (await answer.aread()).decode()
    except httpx.TransportError:
        seen["cut off"] += 1  # by a crash: nothing else may do that
        await asyncio.sleep(0.05)
        return
    seen[f"{kind} {answer.status_code}"] += 1
    assert answer.status_code != 500, f"{text}; the log has the rest"
    if kind == "stream" and answer.status_code == 200:
        assert text.endswith("data: [DONE]\n\n"), text[-200:]


async def load(served: Served, seconds: float, seen: Counter[str]) -> None:
    """Callers that go on for *seconds*, while a manifest is edited again and again."""
    keys = [served.key("app"), served.key("trial")]
    ends = time.monotonic() + seconds

    async def caller() -> None:
        async with httpx.AsyncClient(base_url=str(served.client.base_url), timeout=20, trust_env=False) as client:
            while time.monotonic() < ends:
                await call(client, keys, seen)

    async def editor() -> None:
        path = served.manifests / "more.yaml"
        while time.monotonic() < ends:
            amount = random.randint(1, 900)
            path.write_text(
                "apiVersion: sluice.dev/v1alpha1\nkind: VirtualKey\nmetadata: {name: more}\n"
                f"spec: {{limits: [{{name: rpm, unit: Requests, amount: {amount}, window: 1m}}]}}\n"
            )
            await asyncio.sleep(2)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(editor())
        for _ in range(CALLERS):
            tasks.create_task(caller())


def spend(served: Served) -> dict[str, Any]:
    """What the admin port says was spent."""
    answer = httpx.get(f"http://127.0.0.1:{served.admin_port}/spend", timeout=10, trust_env=False)
    found: dict[str, Any] = answer.json()
    return found


def resident_kb(served: Served) -> int:
    """The resident memory of the serving process."""
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def posted(served: Served) -> int:
    """Nano-USD on the Budget's account, once nothing is held any more."""

    def settled() -> bool:
        return all(account["held"] == 0 for account in spend(served)["accounts"].values())

    eventually(settled)
    return int(sum(account["posted"] for account in spend(served)["accounts"].values()))


async def one_life(served: Served, seconds: float, seen: Counter[str]) -> int:
    """Load for *seconds*; how much memory grew after the first fifth of it, in kB."""
    await load(served, seconds / 5, seen)
    before = resident_kb(served)
    await load(served, seconds * 4 / 5, seen)
    return resident_kb(served) - before


def live(served: Served, seconds: float, seen: Counter[str]) -> tuple[int, int, int]:
    """One life from start to crash: nano-USD spent before it, kilobytes grown, nano-USD spent before the crash."""
    served.until_said("serving")
    eventually(lambda: ready(served))
    before = posted(served)
    growth = asyncio.run(one_life(served, seconds, seen))
    after = posted(served)
    asyncio.run(cut_short(served, seen))
    return before, growth, after


def test_nothing_leaks_and_nothing_is_lost(tmp_path: Path) -> None:
    """Through all of it no call is answered 500, no stream ends early, memory stays, and spend only ever grows."""
    manifests = Path(shutil.copytree(ROOT / "examples" / "quickstart", tmp_path / "manifests"))
    budget = manifests / "budget.yaml"
    budget.write_text(budget.read_text().replace('amount: "0.02"', f'amount: "{LIMIT_USD}"'))
    key = manifests / "key.yaml"
    key.write_text(key.read_text().replace("amount: 600", "amount: 60000"))
    seen: Counter[str] = Counter()
    spent, growths = 0, list[int]()
    ends = time.monotonic() + MINUTES * 60
    while time.monotonic() < ends:
        served = Served(manifests, tmp_path / "data")
        try:
            before, growth, after = live(served, min(LIFE_SECONDS, max(5.0, ends - time.monotonic())), seen)
        finally:
            served.kill()
        growths.append(growth)
        sys.stdout.write(f"\nlife {len(growths)}: {(after - before) / NANO_PER_USD:.4f} USD, {growth} kB more\n")
        assert spent <= before <= after <= LIMIT_USD * NANO_PER_USD
        spent = after
    sys.stdout.write(f"{dict(sorted(seen.items()))}\n")

    assert seen["plain 200"] > 0
    assert seen["stream 200"] > 0
    assert seen["wrong 401"] > 0
    assert {name for name in seen if name.startswith("wrong")} == {"wrong 401"}
    assert max(growths) < GROWTH_KB


async def cut_short(served: Served, seen: Counter[str]) -> None:
    """Kill the process in the middle of calls."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load(served, 1.0, seen))
        await asyncio.sleep(0.5)
        served.process.kill()
