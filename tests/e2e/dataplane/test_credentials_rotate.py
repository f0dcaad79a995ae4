"""A provider's key is rotated in its Secret while calls run: the new one is in use within five seconds, unnoticed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from support.peer import Peer, serving
from support.served import Served
from support.served import serving as command
from support.waiting import beside, until

PROMISED_SECONDS = 5.0
CALLERS = 4
ANSWER = (
    b'{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"hi"}}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
MANIFEST = """
apiVersion: sluice.dev/v1alpha1
kind: ModelDeployment
metadata: {{name: chat}}
spec:
  targets:
  - name: scripted
    provider:
      type: OpenAICompatible
      baseURL: {base_url}
      allowPrivateNetwork: true
      auth: {{type: APIKey, apiKey: {{secretRef: {{name: provider, key: api-key}}}}}}
  pricing: {{free: true}}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualKey
metadata: {{name: app}}
spec: {{}}
"""


@dataclass
class Provider:
    """Answers who has one of the keys that it accepts, 401 to all others."""

    accepted: set[str] = field(default_factory=set)
    keys: list[tuple[float, str]] = field(default_factory=list)  # when, and which key a call came with

    async def script(self, peer: Peer) -> None:
        """One connection."""
        while True:
            head = (await peer.request()).split(b"\r\n\r\n", 1)[0].decode()
            key = next(line for line in head.split("\r\n") if line.startswith("authorization:"))[22:]
            self.keys.append((time.monotonic(), key))
            status, body = (b"200 OK", ANSWER) if key in self.accepted else (b"401 No", b'{"error":{"message":"no"}}')
            length = b"content-type: application/json\r\ncontent-length: %d" % len(body)
            await peer.send(b"HTTP/1.1 %b\r\n%b\r\n\r\n%b" % (status, length, body))

    def used(self, key: str) -> list[float]:
        """When calls came with *key*."""
        return [at for at, used in self.keys if used == key]


@dataclass
class Load:
    """Callers that call one after the other without a pause, until told to stop."""

    served: Served
    key: str
    told: list[tuple[float, int]] = field(default_factory=list)  # when a call began, and its status
    stopped: bool = False

    async def run(self, client: httpx.AsyncClient) -> None:
        """Call until ``stopped``."""
        body = {"model": "chat", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16}
        while not self.stopped:
            began = time.monotonic()
            answer = await client.post(
                "/v1/chat/completions", headers={"authorization": f"Bearer {self.key}"}, json=body
            )
            self.told.append((began, answer.status_code))

    def failed(self, since: float = 0.0) -> list[int]:
        """Every status but 200, of calls that began after *since*."""
        return [status for began, status in self.told if status != 200 and began >= since]


def _write_secret(folder: Path, key: str) -> None:
    """As a sync tool does: by rename, so that nobody reads half of it."""
    fresh = folder / ".secret.tmp"
    fresh.write_text(f"apiVersion: v1\nkind: Secret\nmetadata: {{name: provider}}\nstringData: {{api-key: {key}}}\n")
    fresh.replace(folder / "secret.yaml")


@asynccontextmanager
async def _under_load(tmp_path: Path) -> AsyncIterator[tuple[Provider, Load, Path]]:
    """A provider, ``sluice serve`` in front of it, and callers; the first key is ``sk-0``."""
    provider, manifests = Provider({"sk-0"}), tmp_path / "manifests"
    manifests.mkdir()
    _write_secret(manifests, "sk-0")
    async with serving(provider.script) as upstream:
        (manifests / "model.yaml").write_text(MANIFEST.format(base_url=f"{upstream.base_url}/v1"))
        async with beside(command(manifests, tmp_path / "data")) as served:
            load = Load(served, served.key("app"))
            async with (
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}", timeout=30, trust_env=False) as client,
                asyncio.TaskGroup() as tasks,
            ):
                for _ in range(CALLERS):
                    tasks.create_task(load.run(client))
                try:
                    await until(lambda: len(load.told) > 20)
                    yield provider, load, manifests
                finally:
                    load.stopped = True


async def _passed(since: float, seconds: float) -> None:
    await until(lambda: time.monotonic() - since >= seconds)


async def test_a_rotation_with_an_overlap_fails_no_call(tmp_path: Path, figure: Callable[[str, object], None]) -> None:
    """The old key is withdrawn five seconds after the Secret changed: no call comes with it then, and none failed."""
    taken = []
    async with _under_load(tmp_path) as (provider, load, manifests):
        for number in (1, 2):
            old, new = f"sk-{number - 1}", f"sk-{number}"
            provider.accepted = {old, new}
            changed = time.monotonic()
            _write_secret(manifests, new)
            await until(lambda: provider.used(new), seconds=PROMISED_SECONDS)  # noqa: B023  # waited for at once
            taken.append(provider.used(new)[0] - changed)
            await _passed(changed, PROMISED_SECONDS)
            provider.accepted = {new}
            await _passed(changed, PROMISED_SECONDS + 1)
            late = [at for at in provider.used(old) if at > changed + PROMISED_SECONDS]

            assert late == []
        calls = len(load.told)
    figure("rotated key in use", f"{max(taken):.2f} s, under {calls} calls")

    assert load.failed() == []
    assert max(taken) < PROMISED_SECONDS


async def test_a_rotation_without_an_overlap_fails_no_call_after_five_seconds(tmp_path: Path) -> None:
    """Where the provider takes only the newest key from the moment it is made, what fails fails at the beginning."""
    async with _under_load(tmp_path) as (provider, load, manifests):
        provider.accepted = {"sk-1"}
        changed = time.monotonic()
        _write_secret(manifests, "sk-1")
        await _passed(changed, PROMISED_SECONDS + 1)

    assert load.failed(since=changed + PROMISED_SECONDS) == []
    assert set(load.failed()) <= {502}  # the provider's 401 is not the client's
    assert [at for at, status in load.told if status == 200 and at > changed + PROMISED_SECONDS]


async def test_a_secret_that_is_broken_for_a_moment_does_no_harm(tmp_path: Path) -> None:
    """Half a file leaves the last good key in use; the whole one that follows is taken."""
    async with _under_load(tmp_path) as (provider, load, manifests):
        provider.accepted = {"sk-0", "sk-1"}
        (manifests / "secret.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {na")
        await asyncio.to_thread(load.served.until_said, "nothing was written")
        calls = len(load.told)
        await until(lambda: len(load.told) > calls + 20)
        _write_secret(manifests, "sk-1")
        await until(lambda: provider.used("sk-1"), seconds=PROMISED_SECONDS)

    assert load.failed() == []
