"""Codex, headless: ``codex.py '<Setup>' <command>``.  See harness.py."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import BREAK, FAILURES, HELLO, JSON, LOOK, SAY, SEEN, Setup, expect, picture, raises, run, within

COMMAND = sys.argv[2]
SECRET = "The secret word is xylophone."
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "celsius": {"type": "integer"}},
    "required": ["name", "celsius"],
    "additionalProperties": False,
}
CONFIG = """
model_provider = "sluice"
web_search = "disabled"
check_for_update_on_startup = false
analytics = {{ enabled = false }}
[model_providers.sluice]
name = "sluice"
base_url = "{url}/v1"
env_key = "SLUICE_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""


class FailedError(Exception):
    """It said that it failed."""


class Codex:
    """One model, by this command."""

    def __init__(self, setup: Setup, model: str) -> None:
        self.setup, self.model = setup, model
        self._temporary = tempfile.TemporaryDirectory(prefix="codex-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        (self.folder / "home").mkdir()
        (self.folder / "home" / "config.toml").write_text(CONFIG.format(url=setup.url))
        (self.folder / "note.txt").write_text(SECRET)
        (self.folder / "dot.png").write_bytes(picture())
        (self.folder / "schema.json").write_text(json.dumps(SCHEMA))

    def ask(self, prompt: str, *options: str, key: str = "", model: str = "") -> list[dict[str, Any]]:
        """What it prints, an object for each event.  Raises FailedError."""
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "CODEX_HOME": str(self.folder / "home"),
            "SLUICE_KEY": key or self.setup.key,
        }
        always = ("--skip-git-repo-check", "--json", "--ephemeral", "--dangerously-bypass-approvals-and-sandbox")
        done = subprocess.run(
            [COMMAND, "exec", *always, *options, "--model", model or self.model, "--", prompt],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode:
            failed = [each["error"]["message"] for each in told if each["type"] == "turn.failed"]
            raise FailedError("; ".join(failed) or done.stdout + done.stderr)
        return told

    def said(self, prompt: str, *options: str) -> str:
        """What it says last."""
        items = [each["item"] for each in self.ask(prompt, *options) if each["type"] == "item.completed"]
        return str([item["text"] for item in items if item["type"] == "agent_message"][-1])

    def chat(self) -> None:
        """An answer, and what it used."""
        told = self.ask(SAY)
        expect(told[-2]["item"]["text"], HELLO)
        assert told[-1]["usage"]["input_tokens"] > 0 < told[-1]["usage"]["output_tokens"], told[-1]

    def tools(self) -> None:
        """It runs a command, then two at once."""
        cat = '#do call exec_command {"cmd":"cat note.txt"}'
        within(SECRET, self.said(cat))
        both = self.said(cat + '\n#do call exec_command {"cmd":"echo and another"}')
        within(SECRET, both)
        within("and another", both)

    def thinking(self) -> str:
        """Thoughts go back with the result of a tool; whether the provider knows them for its own."""
        said = self.said('#do think Let me read it\n#do call exec_command {"cmd":"cat note.txt"}')
        return f"hidden, {'signed' if '(signed)' in said else 'unsigned'}"

    def structured(self) -> None:
        """By a JSON Schema."""
        expect(json.loads(self.said(JSON, "--output-schema", "schema.json")), {"name": "text", "celsius": 7})

    def images(self) -> None:
        """A picture beside the prompt; one that a tool shows."""
        expect(self.said(LOOK, "--image", "dot.png"), SEEN)
        path = json.dumps({"path": str(self.folder / "dot.png")})
        within(SEEN, self.said(f"#do call view_image {path}\n#do look"))

    def errors(self) -> None:
        """What is wrong is shown to its user."""
        model = self.setup.failing(self.model)
        raises(FailedError, lambda: self.ask(FAILURES["bad request"], model=model))
        raises(FailedError, lambda: self.ask(BREAK, model=model))
        within("401", raises(FailedError, lambda: self.ask(SAY, key="sk-wrong")))
        if self.setup.spent_key:
            error = raises(FailedError, lambda: self.ask(SAY, key=self.setup.spent_key))
            within("uota", error, "spent budget")
        within("429", raises(FailedError, lambda: self.ask(FAILURES["rate limited"], model=model)))


def scenarios(setup: Setup, model: str) -> dict[str, Callable[[], object]]:
    """By name.  It always streams: ``chat`` is that."""
    it = Codex(setup, model)
    tried = {each.__name__: each for each in (it.chat, it.tools, it.thinking, it.structured, it.images, it.errors)}
    return {"chat": it.chat, "stream": it.chat, **tried}


if __name__ == "__main__":
    version = subprocess.run([COMMAND, "--version"], capture_output=True, text=True, check=True).stdout
    run(scenarios, version.split()[-1])
