"""The same bodies through the gateway's translations and through LiteLLM's: every kind of difference is known.

Both are pure functions here; nothing is sent.  ``docs/reference/translation-differences.md`` says who is right;
``SLUICE_WRITE_DOCS=1`` writes it anew.
"""

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from differential import ours
from differential.compare import differences
from differential.generate import REQUESTS
from differential.generate_answers import ANSWERS
from differential.known import KNOWN
from support.venvs import python_with

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "translation-differences.md"
SEED = int(os.environ.get("SLUICE_DIFFERENTIAL_SEED", "1"))
MANY = int(os.environ.get("SLUICE_DIFFERENTIAL_CASES", "200"))  # requests of each pair, and half as many answers
SECONDS = 240.0
HEAD = """# Translations, compared with LiteLLM's

`tests/differential` makes hundreds of conversations of a seed, translates each with the gateway and with LiteLLM
{version} (its pure transformations; nothing is sent), and compares what comes out: requests of chat completions for
Anthropic, Gemini and Bedrock, of Messages and Responses for chat completions, and the answers to them. It fails where
they differ in a way that is not listed here. What is said otherwise and means the same (a text and a list of one text,
names in camelCase, JSON in a text) is made the same first.

A kind is `request` or `answer`, the client's API and the provider's, and where in the translated body it is; `*` stands
for anything.
"""


class Found(NamedTuple):
    """A kind of difference: how often it was, and once both sides of it."""

    kind: str
    times: int
    ours: Any
    theirs: Any
    of: Any


def cases() -> list[dict[str, Any]]:
    """The bodies, all of the seed."""
    return [
        {"kind": kind, "pair": pair, "body": make(Random(f"{SEED} {kind} {pair} {number}"))}
        for kind, makers in (("request", REQUESTS), ("answer", ANSWERS))
        for pair, make in makers.items()
        for number in range(MANY if kind == "request" else MANY // 2)
    ]


@pytest.fixture(scope="module")
def found() -> dict[str, Found]:
    """All kinds of differences."""
    python = python_with("litellm", "--no-deps", *(HERE / "requirements.txt").read_text().split())
    given = cases()
    done = subprocess.run(
        [python, "-I", HERE / "peer.py"],
        input="\n".join(map(json.dumps, given)),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    answers = done.stdout.splitlines()
    assert len(answers) == len(given), done.stderr[-2000:]
    times: Counter[str] = Counter()
    first: dict[str, Found] = {}
    for case, line in zip(given, answers, strict=True):
        mine = (ours.request if case["kind"] == "request" else ours.answer)(case["pair"], case["body"])
        for kind, left, right in differences(case["kind"], case["pair"], mine, json.loads(line)):
            times[kind] += 1
            first.setdefault(kind, Found(kind, 0, left, right, case["body"]))
    return {kind: each._replace(times=times[kind]) for kind, each in first.items()}


def test_every_kind_of_difference_is_known(found: dict[str, Found], figure: Callable[[str, object], None]) -> None:
    """Of hundreds of conversations each way: what is translated otherwise was looked at, and has a reason."""
    new = [each for kind, each in found.items() if not any(known.matches(kind) for known in KNOWN)]

    assert not new, "\n".join(map(described, new))
    figure("compared", f"{len(cases())} bodies, {len(found)} kinds of differences")


def described(each: Found) -> str:
    """It, for who has to look at it."""
    sides = (json.dumps(side, ensure_ascii=False)[:1_000] for side in (each.ours, each.theirs, each.of))
    return "\n    ".join((f"{each.times} × {each.kind}", *sides))


def test_no_difference_is_listed_that_is_none(found: dict[str, Found]) -> None:
    """What both do alike needs no excuse; what hides behind another is found."""
    used = {next(known.pattern for known in KNOWN if known.matches(kind)) for kind in found if _is_known(kind)}

    assert [known.pattern for known in KNOWN if known.pattern not in used] == []


def _is_known(kind: str) -> bool:
    return any(known.matches(kind) for known in KNOWN)


def test_both_agree_on_what_is_said(found: dict[str, Found]) -> None:
    """Turns, texts and the arguments of calls are alike: what is compared is something."""
    said = re.compile(r"differs .*\.(role|text|content|input|args|arguments|(functionCall|toolUse|function)\.name)$")
    known = {"request messages-chat: differs messages[].content"}  # of a tool's result alone: see known.toml

    assert {kind for kind in found if said.search(kind)} <= known


def test_the_page_lists_them() -> None:
    """``docs/reference/translation-differences.md`` is made of the list."""
    page = written()
    if os.environ.get("SLUICE_WRITE_DOCS"):
        PAGE.write_text(page)

    assert PAGE.read_text() == page


def written() -> str:
    """The page."""
    version = re.findall(r"(?m)^litellm==(.*)$", (HERE / "requirements.txt").read_text())[0]
    lines = [HEAD.format(version=version), "| Kind | Who is right | Why |", "| --- | --- | --- |"]
    for known in KNOWN:
        who = {"ours": "Sluice", "theirs": "LiteLLM", "both": "either"}[known.who]
        lines.append(f"| `{known.pattern}` | {who} | {known.why} |")
    return "\n".join(lines) + "\n"
