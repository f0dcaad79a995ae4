"""``sluice serve DIR``: the command as people run it, on the quickstart's manifests."""

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest

from support.plane import free_port

ROOT = Path(__file__).parents[3]
DEADLINE_SECONDS = 30.0


class Served:
    """A running ``sluice serve``; ``said`` is what it told its user so far."""

    def __init__(self, manifests: Path, data: Path, *, port: int = 0, environ: dict[str, str] | None = None) -> None:
        self.manifests, self.data = manifests, data
        self.port, self.admin_port = port or free_port(), free_port()
        options = ["--port", str(self.port), "--admin-port", str(self.admin_port), "--data", str(data)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sluice_cli", "serve", str(manifests), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environ or {})},
        )
        assert self.process.stderr is not None
        self._stderr: IO[bytes] = self.process.stderr
        self.said = ""
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10, trust_env=False)

    def until_said(self, pattern: str) -> str:
        """Wait until it says *pattern*; everything it said from the last such wait to there."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (found := re.search(pattern, self.said)):
            ready, _, _ = select.select([self._stderr], [], [], max(0.0, deadline - time.monotonic()))
            more = os.read(self._stderr.fileno(), 65536) if ready else b""
            assert more, f"never said {pattern!r}; it said:\n{self.said}"
            self.said += more.decode()
        before, self.said = self.said[: found.end()], self.said[found.end() :]
        return before

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
        served.process.kill()
        served.process.wait()
        served._stderr.close()
        served.client.close()


def ready(served: Served) -> bool:
    """Whether its admin port says that it is."""
    with contextlib.suppress(httpx.TransportError):
        answer = httpx.get(f"http://127.0.0.1:{served.admin_port}/readyz", timeout=5, trust_env=False)
        return answer.status_code == 200
    return False


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """A copy of the quickstart."""
    return Path(shutil.copytree(ROOT / "examples" / "quickstart", tmp_path / "manifests"))


def test_quickstart_answers_and_limits(manifests: Path, tmp_path: Path) -> None:
    """The quickstart's keys are made and work, a wrong one does not, the trial key's fourth call is refused."""
    with serving(manifests, tmp_path / "data") as served:
        answer = served.chat(served.key("app"))
        wrong = served.chat("sk-wrong")
        trials = [served.chat(served.key("trial")).status_code for _ in range(4)]

    assert answer.status_code == 200
    assert answer.json()["usage"]["total_tokens"] > 0
    assert wrong.status_code == 401
    assert trials == [200, 200, 200, 429]


def test_budget_holds_across_a_restart(manifests: Path, tmp_path: Path) -> None:
    """The month's two cents are spent once: what was spent before a restart is still spent after it."""
    with serving(manifests, tmp_path / "data") as served:
        key = served.key("app")
        first = [served.chat(key).status_code for _ in range(10)]
    with serving(manifests, tmp_path / "data") as served:
        assert served.key("app") == key
        second = [served.chat(key) for _ in range(25)]
    codes = first + [answer.status_code for answer in second]

    assert first == [200] * 10
    assert 15 <= codes.count(200) <= 20
    assert codes[-1] == 429
    assert json.loads(second[-1].content)["error"]["code"] == "insufficient_quota"


def test_edit_is_in_force_while_it_serves(manifests: Path, tmp_path: Path) -> None:
    """A renamed model, a suspended key and a new key are in force soon after the file was written: no restart."""
    with serving(manifests, tmp_path / "data") as served:
        app, trial = served.key("app"), served.key("trial")
        served.edit("model.yaml", "modelName: echo ", "modelName: parrot ")
        renamed = eventually(lambda: served.chat(app, "parrot").status_code == 200)
        served.edit("key.yaml", "owner: {team: research}", "suspended: true")
        revoked = eventually(lambda: served.chat(trial, "parrot").status_code == 401)
        (served.manifests / "more.yaml").write_text(
            "apiVersion: sluice.dev/v1alpha1\nkind: VirtualKey\nmetadata: {name: more}\nspec: {}\n"
        )
        added = eventually(
            lambda: (
                (served.data / "secrets/default/more-key/api-key").is_file()
                and served.chat(served.key("more"), "parrot").status_code == 200
            )
        )
        unknown = served.chat(app, "echo").status_code
    sys.stdout.write(f"\nin force after {renamed:.2f} s (model), {revoked:.2f} s (revoked), {added:.2f} s (new key)\n")

    assert unknown == 404
    assert max(renamed, revoked, added) < 15


def test_broken_manifest_keeps_the_last_good(manifests: Path, tmp_path: Path) -> None:
    """A slip in a file is told with its name and line; everything goes on as before, and the mended file is taken."""
    with serving(manifests, tmp_path / "data") as served:
        key = served.key("app")
        good = (manifests / "key.yaml").read_text()
        served.until_said("admin on")
        (manifests / "key.yaml").write_text(good.replace("limits:", "limit:", 1))
        told = served.until_said("nothing was written")
        during = served.chat(key).status_code
        (manifests / "key.yaml").write_text(good)
        served.until_said("4 of 4 resources served")
        after = served.chat(key).status_code

    assert "key.yaml:2: VirtualKey app: spec.limit: unknown field" in told
    assert (during, after) == (200, 200)


def test_broken_from_the_start_serves_nothing_until_mended(manifests: Path, tmp_path: Path) -> None:
    """With nothing good to fall back on it is not ready, and says why; once mended it serves."""
    good = (manifests / "key.yaml").read_text()
    (manifests / "key.yaml").write_text("kind: [")
    served = Served(manifests, tmp_path / "data")
    try:
        told = served.until_said("serving")
        before = ready(served)
        (manifests / "key.yaml").write_text(good)
        eventually(lambda: ready(served))
        after = served.chat(served.key("app")).status_code
    finally:
        served.process.kill()
        served.process.wait()
        served._stderr.close()
        served.client.close()

    assert "error: key.yaml:" in told
    assert (before, after) == (False, 200)


def test_taken_port_is_said(manifests: Path, tmp_path: Path) -> None:
    """A port that somebody else has is one line and an exit, not a traceback."""
    with serving(manifests, tmp_path / "data") as served:
        second = Served(manifests, tmp_path / "other", port=served.port)
        code = second.process.wait(DEADLINE_SECONDS)
        told = second._stderr.read().decode()
        second._stderr.close()
        second.client.close()

    assert code == 1
    assert "address already in use" in told
    assert "Traceback" not in told


def test_second_gateway_on_the_same_data_is_refused(manifests: Path, tmp_path: Path) -> None:
    """Two processes would each spend the budgets: the second is told where the first's data is, and ends."""
    with serving(manifests, tmp_path / "data") as served:
        second = Served(manifests, served.data)
        code = second.process.wait(DEADLINE_SECONDS)
        told = second._stderr.read().decode()
        second._stderr.close()
        second.client.close()

    assert code == 1
    assert "in use by another sluice serve" in told
