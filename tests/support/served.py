"""``sluice serve`` as people run it: a process, its folder, and what it says."""

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import httpx

from support.plane import free_port

DEADLINE_SECONDS = 30.0


class Served:
    """A running ``sluice serve``; ``said`` is what it told its user so far."""

    def __init__(self, manifests: Path, data: Path, *, port: int = 0, environ: dict[str, str] | None = None) -> None:
        self.manifests, self.data = manifests, data
        self.port, self.admin_port = port or free_port(), free_port()
        options = ["--port", str(self.port), "--admin-port", str(self.admin_port), "--data", str(data)]
        self.log = data.with_name(f"{data.name}.log")  # of all its lives
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sluice_cli", "serve", str(manifests), *options],
                stdout=log,
                stderr=subprocess.PIPE,
                env={**os.environ, **(environ or {})},
            )
        assert self.process.stderr is not None
        self.stderr: IO[bytes] = self.process.stderr
        self.said = ""
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10, trust_env=False)

    def until_said(self, pattern: str) -> str:
        """Wait until it says *pattern*; everything it said from the last such wait to there."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (found := re.search(pattern, self.said)):
            ready, _, _ = select.select([self.stderr], [], [], max(0.0, deadline - time.monotonic()))
            more = os.read(self.stderr.fileno(), 65536) if ready else b""
            assert more, f"never said {pattern!r}; it said:\n{self.said}"
            self.said += more.decode()
        before, self.said = self.said[: found.end()], self.said[found.end() :]
        return before

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()
        self.process.wait()
        self.stderr.close()
        self.client.close()

    def key(self, name: str) -> str:
        """The secret of a generated key."""
        return (self.data / "secrets" / "default" / f"{name}-key" / "api-key").read_text()

    def chat(self, key: str, model: str = "echo") -> httpx.Response:
        """One small call."""
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16}
        return self.client.post("/v1/chat/completions", headers={"Authorization": f"Bearer {key}"}, json=body)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace *old* by *new* in a manifest, as an editor does."""
        path = self.manifests / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def eventually(condition: Callable[[], bool]) -> float:
    """Wait for *condition*; the seconds it took."""
    began = time.monotonic()
    pause = select.poll()  # waits without a descriptor to wait for
    while not condition():
        assert time.monotonic() - began < DEADLINE_SECONDS, "never came true"
        pause.poll(20)
    return time.monotonic() - began


@contextlib.contextmanager
def serving(manifests: Path, data: Path) -> Iterator[Served]:
    """A ``sluice serve`` that answers; stopped at the end, which must be clean."""
    served = Served(manifests, data)
    try:
        served.until_said(r"serving .*/v1")
        eventually(lambda: ready(served))
        yield served
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(DEADLINE_SECONDS) == 0
    finally:
        served.kill()


def ready(served: Served) -> bool:
    """Whether its admin port says that it is."""
    with contextlib.suppress(httpx.TransportError):
        answer = httpx.get(f"http://127.0.0.1:{served.admin_port}/readyz", timeout=5, trust_env=False)
        return answer.status_code == 200
    return False
