"""Claude Code, headless: ``claude_code.py '<Setup>' <binary>``.  See harness.py."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import BREAK, FAILURES, HELLO, SAY, Setup, expect, picture, raises, run, within

BINARY = sys.argv[2]
SECRET = "The secret word is xylophone."
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "celsius": {"type": "integer"}},
    "required": ["name", "celsius"],
    "additionalProperties": False,
}


class FailedError(Exception):
    """It said that it failed."""


class ClaudeCode:
    """One model, by this command."""

    def __init__(self, setup: Setup, model: str) -> None:
        self.setup, self.model = setup, model
        self._temporary = tempfile.TemporaryDirectory(prefix="claude-code-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        (self.folder / "note.txt").write_text(SECRET)
        (self.folder / "dot.png").write_bytes(picture())

    def ask(self, prompt: str, *options: str, key: str = "", model: str = "") -> list[dict[str, Any]]:
        """What it prints, the result last.  Raises FailedError."""
        kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        environ = {
            **kept,
            "HOME": str(self.folder / "home"),
            "ANTHROPIC_BASE_URL": self.setup.url,
            "ANTHROPIC_API_KEY": key or self.setup.key,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "0",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
        }
        command = [BINARY, "-p", prompt, "--model", model or self.model, *(options or ("--output-format", "json"))]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if not told or told[-1].get("is_error") or done.returncode:
            raise FailedError(told[-1]["result"] if told else done.stdout + done.stderr)
        return told

    def chat(self) -> None:
        """An answer, and what it used."""
        told = self.ask(SAY)[-1]
        expect(told["result"], HELLO)
        assert told["usage"]["input_tokens"] > 0 < told["usage"]["output_tokens"], told["usage"]

    def stream(self) -> None:
        """The words in pieces."""
        told = self.ask(SAY, "--output-format", "stream-json", "--verbose", "--include-partial-messages")
        deltas = [each["event"].get("delta", {}) for each in told if each["type"] == "stream_event"]
        expect("".join(delta.get("text", "") for delta in deltas), HELLO)

    def tools(self) -> None:
        """It reads a file, then two at once."""
        note = json.dumps({"file_path": str(self.folder / "note.txt")})
        within(SECRET, self.ask(f"#do call Read {note}")[-1]["result"])
        (self.folder / "other.txt").write_text("Another file.")
        other = json.dumps({"file_path": str(self.folder / "other.txt")})
        said = self.ask(f"#do call Read {note}\n#do call Read {other}")[-1]["result"]
        within(SECRET, said)
        within("Another file.", said)

    def thinking(self) -> str:
        """Thoughts go back with the result of a tool; whether the provider knows them for its own."""
        note = json.dumps({"file_path": str(self.folder / "note.txt")})
        said = self.ask(f"#do think Let me read it\n#do call Read {note}")[-1]["result"]
        return f"hidden, {'signed' if '(signed)' in said else 'unsigned'}"

    def structured(self) -> None:
        """By a JSON Schema, which it asks for with a tool."""
        asked = ("--output-format", "json", "--json-schema", json.dumps(SCHEMA))
        told = self.ask('#do call StructuredOutput {"name":"Oslo","celsius":11}', *asked)[-1]
        expect(told["structured_output"], {"name": "Oslo", "celsius": 11})

    def images(self) -> None:
        """It reads a picture, which the result of the tool carries."""
        path = json.dumps({"file_path": str(self.folder / "dot.png")})
        within("1 picture: image/png 3x2", self.ask(f"#do call Read {path}\n#do look")[-1]["result"])

    def errors(self) -> None:
        """What is wrong is shown to its user; a stream that breaks is asked for again, unstreamed."""
        model = self.setup.failing(self.model)
        within("400", raises(FailedError, lambda: self.ask(FAILURES["bad request"], model=model)))
        within("This will not come whole", self.ask(BREAK, model=model)[-1]["result"])
        raises(FailedError, lambda: self.ask(SAY, key="sk-wrong"))
        if self.setup.spent_key:
            error = raises(FailedError, lambda: self.ask(SAY, key=self.setup.spent_key))
            within("Budget", error, "spent budget")
        raises(FailedError, lambda: self.ask(FAILURES["rate limited"], model=model))


def scenarios(setup: Setup, model: str) -> dict[str, Callable[[], object]]:
    """By name."""
    it = ClaudeCode(setup, model)
    tried = (it.chat, it.stream, it.tools, it.thinking, it.structured, it.images, it.errors)
    return {each.__name__: each for each in tried}


if __name__ == "__main__":
    version = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout
    run(scenarios, version.split()[0])
