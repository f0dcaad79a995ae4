"""Every call is in the exported files once, through crashes, and ``sluice usage`` adds them up to what was answered."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from sluice_contract.usage import UsageRecord
from support.served import Served, eventually, ready, serving

ROOT = Path(__file__).parents[3]
CRASHES = 4  # of few calls each: the quickstart's Budget holds about twenty
CALLS = 3


def _usage(*args: str) -> tuple[int, dict[str, Any]]:
    """The exit status of ``sluice usage``, and what it said."""
    command = [sys.executable, "-P", "-m", "sluice_cli", "usage", *args, "--format", "json"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout)


def _exported(data: Path) -> list[UsageRecord]:
    lines = b"".join(path.read_bytes() for path in sorted((data / "usage").glob("*.jsonl")))
    return [msgspec.json.decode(line, type=UsageRecord) for line in lines.splitlines()]


@contextlib.contextmanager
def _crashing(manifests: Path, data: Path) -> Iterator[Served]:
    """A ``sluice serve`` that ends without a warning."""
    served = Served(manifests, data)
    try:
        served.until_said(r"serving .*/v1")
        eventually(lambda: ready(served))
        yield served
    finally:
        served.kill()


def test_every_call_is_exported_once_and_summed_exactly(tmp_path: Path) -> None:
    """Crash after crash, the files hold each call once and in order, and the sum is what the clients were told."""
    manifests = Path(shutil.copytree(ROOT / "examples" / "quickstart", tmp_path / "manifests"))
    data, ids, tokens = tmp_path / "data", list[str](), 0
    for life in range(CRASHES + 1):
        # The last life ends as it should: what it settled is exported before it goes.
        with serving(manifests, data) if life == CRASHES else _crashing(manifests, data) as served:
            answers = [served.chat(served.key("app")) for _ in range(CALLS if life < CRASHES else 1)]
            code, said = _usage("--data-dir", str(data))
        assert {answer.status_code for answer in answers} == {200}
        ids += [answer.headers["x-request-id"] for answer in answers]
        tokens += sum(answer.json()["usage"]["total_tokens"] for answer in answers)
        assert (code, said["total"]["requests"]) == (0, len(ids))  # while it serves, from journal and files
    records = _exported(data)
    code, said = _usage(str(data / "usage"))

    assert [record.id for record in records] == ids
    assert [record.sequence for record in records] == list(range(1, len(ids) + 1))
    assert said["total"]["input_tokens"] + said["total"]["output_tokens"] == tokens
    assert (code, said["input"]) == (0, {"doubled": 0, "sources": 1, "unreadable": 0, "gaps": [], "leaps": []})
