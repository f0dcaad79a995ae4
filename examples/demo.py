"""`make demo`: starts Sluice on examples/quickstart, makes real calls, says what happened and what it cost.

Everything runs on this machine: no cluster, no account, no network.  Exits with 0 only if each step did what its
line says.  `--model gemma` puts a real local model behind the same manifests.
"""

import argparse
import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from string import Template
from typing import Any, Final

import httpx
from local_model import local_model
from rich.console import Console
from rich.table import Table

QUICKSTART: Final = Path(__file__).with_name("quickstart")
START_SECONDS: Final = 60
WORDS: Final = "Sluice lets through what the budget holds, and says so when it does not."
NANO_PER_USD: Final = 1_000_000_000

# A stream that lasts long enough to change the configuration under it.
SLOW: Final = """
apiVersion: sluice.dev/v1alpha1
kind: ModelDeployment
metadata: {name: slow}
spec:
  targets:
  - {name: echo, provider: {type: Echo, headers: {chunk-delay-ms: "60"}}}
  pricing: {currency: USD, inputPerMillion: "0.15", outputPerMillion: "0.60"}
"""
GEMMA: Final = Template("""
apiVersion: sluice.dev/v1alpha1
kind: ModelDeployment
metadata: {name: gemma}
spec:
  targets:
  - {name: local, provider: {type: LlamaCpp, baseURL: "$url", allowPrivateNetwork: true}}
  pricing: {currency: USD, inputPerMillion: "0.15", outputPerMillion: "0.60", perRequest: "0.004"}
""")

console = Console(highlight=False, soft_wrap=True)


class DemoFailedError(Exception):
    """A step did not do what it promises; the message says what was seen instead."""


class Demo:
    """One run: the manifests it edits, the gateway it calls, the lines it prints."""

    def __init__(self, manifests: Path, url: str, admin_url: str, keys: dict[str, str], model: str) -> None:
        self.manifests = manifests
        self.client = httpx.AsyncClient(base_url=url, timeout=120, trust_env=False)
        self.admin = httpx.AsyncClient(base_url=admin_url, timeout=30, trust_env=False)
        self.keys = keys
        self.model = model
        self.rows: list[tuple[str, str]] = []

    def said(self, step: str, seen: str) -> None:
        """Print one finished step."""
        self.rows.append((step, seen))
        console.print(f"[green]✓[/green] {step}: [bold]{seen}[/bold]")

    async def chat(self, key: str, *, model: str | None = None, **fields: Any) -> httpx.Response:
        """One chat call."""
        body = {"model": model or self.model, "messages": [{"role": "user", "content": WORDS}], "max_tokens": 32}
        headers = {"authorization": f"Bearer {key}"}
        return await self.client.post("/chat/completions", json={**body, **fields}, headers=headers)

    async def plain(self) -> None:
        """A plain call is answered with its usage."""
        answer = await self.chat(self.keys["app"])
        expect(answer, 200)
        usage = answer.json()["usage"]
        self.said("a plain call", f"200, {usage['prompt_tokens']} tokens in, {usage['completion_tokens']} out")

    async def streamed(self) -> None:
        """A stream comes chunk by chunk and ends with [DONE]."""
        answer = await self.chat(self.keys["app"], stream=True)
        expect(answer, 200)
        events = [line for line in answer.text.splitlines() if line.startswith("data: ")]
        check(events[-1] == "data: [DONE]", f"the stream ended with {events[-1]!r}")
        self.said("a streamed call", f"200, {len(events) - 1} chunks and [DONE]")

    async def wrong_key(self) -> None:
        """A wrong key is told so, and nothing else."""
        answer = await self.chat("sk-not-a-key")
        expect(answer, 401, "invalid_api_key")
        self.said("a wrong key", "401 invalid_api_key")

    async def over_a_limit(self) -> None:
        """The trial key may make three calls a minute; the fourth is refused with the exact wait."""
        seen = [await self.chat(self.keys["trial"]) for _ in range(4)]
        check([answer.status_code for answer in seen[:3]] == [200] * 3, "one of the first three calls was refused")
        expect(seen[3], 429, "rate_limit_exceeded")
        wait_s = int(seen[3].headers["retry-after-ms"]) / 1000
        self.said("four calls of a key with 3 a minute", f"three answered, then 429, try again in {wait_s:.1f} s")

    async def reload_under_a_stream(self) -> None:
        """A manifest is edited while a stream runs: the change is in force, the stream does not notice."""
        body = {"model": "slow", "messages": [{"role": "user", "content": WORDS * 4}], "stream": True}
        headers = {"authorization": f"Bearer {self.keys['app']}"}
        before = (await self.admin.get("/revision")).json()["revision"]
        async with self.client.stream("POST", "/chat/completions", json=body, headers=headers) as stream:
            chunks = stream.aiter_bytes()
            text = await anext(chunks)
            path = self.manifests / "key.yaml"
            path.write_text(path.read_text().replace("amount: 3,", "amount: 30,"))
            after = await self.revision_other_than(before)
            check(b"[DONE]" not in text, "the stream was over before the change was in force")
            async for chunk in chunks:
                text += chunk
        check(text.endswith(b"data: [DONE]\n\n"), "the stream was cut")
        answer = await self.chat(self.keys["trial"])
        expect(answer, 200)
        self.said("a manifest edited under a stream", f"{before} → {after}, the stream whole, the new limit in force")

    async def revision_other_than(self, old: str) -> str:
        """The revision in force once it is no longer *old*."""
        async with asyncio.timeout(START_SECONDS):
            while True:
                # Asking for a revision that cannot come returns with the one in force when the time is over.
                answer = await self.admin.get("/revision", params={"wait": "next", "timeout_ms": 100})
                if answer.json()["revision"] != old:
                    return str(answer.json()["revision"])

    async def over_a_budget(self) -> None:
        """Forty calls at once against what is left of two cents: what fits is answered, the rest refused."""
        answers = await asyncio.gather(*(self.chat(self.keys["app"]) for _ in range(40)))
        refused = [answer for answer in answers if answer.status_code != 200]
        check(0 < len(refused) < 40, f"{len(refused)} of 40 calls were refused")
        expect(refused[0], 429, "insufficient_quota")
        check(refused[0].headers["x-should-retry"] == "false", "the client was not told to stop trying")
        console.print(f"  [dim]{refused[0].json()['error']['message']}[/dim]")
        self.said(
            "40 calls at once over a budget", f"{40 - len(refused)} answered, {len(refused)} × 429 insufficient_quota"
        )

    async def costs(self) -> None:
        """What it came to, from the gateway's own counters."""
        spend = (await self.admin.get("/spend")).json()
        account = next(iter(spend["accounts"].values()))
        check(account["held"] == 0, f"{account['held']} nano-USD are still held")
        check(account["posted"] <= 0.02 * NANO_PER_USD, f"{account['posted']} nano-USD were spent of 20,000,000")
        table = Table("key", "calls", "tokens in", "tokens out", "cost USD", title="What it cost")
        for key_id, months in spend["keys"].items():
            for used in months.values():
                cost = f"{used['cost'] / NANO_PER_USD:.6f}"
                table.add_row(key_id, str(used["requests"]), str(used["input"]), str(used["output"]), cost)
        console.print(table)
        console.print(
            f"Budget default/checkout: {account['posted'] / NANO_PER_USD:.6f} of 0.020000 USD spent, none held"
        )

    async def run(self) -> None:
        """All steps, in order."""
        steps = (self.plain, self.streamed, self.wrong_key, self.over_a_limit, self.reload_under_a_stream)
        for step in (*steps, self.over_a_budget, self.costs):
            await step()
        await self.client.aclose()
        await self.admin.aclose()


def check(holds: bool, otherwise: str) -> None:  # noqa: FBT001  # reads as a sentence where it is used
    """Go on if it *holds*."""
    if not holds:
        raise DemoFailedError(otherwise)


def expect(answer: httpx.Response, status: int, code: str | None = None) -> None:
    """Go on if *answer* has the status, and its error the code."""
    check(answer.status_code == status, f"expected {status}, got {answer.status_code}: {answer.text[:300]}")
    check(code is None or answer.json()["error"]["code"] == code, f"expected {code}: {answer.text[:300]}")


def free_port() -> int:
    """A loopback port that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def served(manifests: Path, data: Path) -> AsyncIterator[tuple[str, str]]:
    """`sluice serve` on *manifests*: the URLs of both ports."""
    port, admin_port = free_port(), free_port()
    command = [Path(sys.executable).with_name("sluice"), "serve", manifests, "--data", data]
    with (data.parent / "sluice.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--admin-port", str(admin_port)], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            await ready(f"http://127.0.0.1:{admin_port}/readyz", process)
            yield f"http://127.0.0.1:{port}/v1", f"http://127.0.0.1:{admin_port}"
        finally:
            process.terminate()
            process.wait(30)


async def ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until *url* answers 200."""
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(START_SECONDS):
        while process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(url)).status_code == 200:
                    return
            await asyncio.sleep(0.05)
    raise DemoFailedError(f"sluice serve ended with {process.returncode}")


@contextlib.contextmanager
def manifests_for(model: str, directory: Path) -> Iterator[Path]:
    """The quickstart's manifests, and those that only the demo needs."""
    manifests = directory / "manifests"
    shutil.copytree(QUICKSTART, manifests)
    (manifests / "slow.yaml").write_text(SLOW)
    with contextlib.ExitStack() as running:
        if model == "gemma":
            console.print("starting the local model (the first time takes a while: its parts are put together)")
            url = running.enter_context(local_model())
            (manifests / "gemma.yaml").write_text(GEMMA.substitute(url=url))
            key = manifests / "key.yaml"
            key.write_text(key.read_text().replace('allow: ["echo"]', 'allow: ["echo", "gemma"]'))
        yield manifests


async def demo(model: str, directory: Path) -> None:
    """The demo in *directory*, which is thrown away afterwards."""
    with manifests_for(model, directory) as manifests:
        data = directory / "data"
        data.mkdir()
        async with served(manifests, data) as (url, admin_url):
            console.print(f"Sluice serves examples/quickstart at {url}\n")
            secrets = data / "secrets" / "default"
            keys = {name: (secrets / f"{name}-key" / "api-key").read_text() for name in ("app", "trial")}
            await Demo(manifests, url, admin_url, keys, model).run()


def main() -> int:
    """Run; 0 if every step did what it says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["echo", "gemma"], default="echo")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sluice-demo-") as name:
        directory = Path(name)
        try:
            asyncio.run(demo(options.model, directory))
        except DemoFailedError as error:
            console.print(f"[red]✗[/red] {error}")
            log = directory / "sluice.log"
            console.print(log.read_text()[-4000:] if log.exists() else "", markup=False)
            return 1
    console.print("\nThe same manifests work in a cluster: kubectl apply -f examples/quickstart")
    return 0


if __name__ == "__main__":
    sys.exit(main())
