"""Every client against every wire behind one gateway: who they are, and how they are run."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final, Literal

import msgspec

from support.clients.environments import CLIENTS as FOLDER
from support.clients.environments import client_node, client_python, node_folder
from support.sdk import output_of

WIRES: Final = ("chat", "responses", "messages", "gemini", "converse")
RUN_SECONDS: Final = 300.0
_SCRIPTS: Final = FOLDER / "scripts"


class Client(msgspec.Struct, frozen=True):
    """One client: ``shown`` is its name for people, ``{}`` its version, ``front`` the wire it speaks."""

    name: str
    shown: str
    front: Literal["chat", "responses", "messages", "gemini"]
    script: str
    environment: str
    kind: Literal["python", "node", "claude", "codex"] = "python"
    arguments: tuple[str, ...] = ()
    wires: tuple[str, ...] = WIRES  # that are tried behind the gateway

    def model(self, wire: str) -> str:
        """The name of its own model of that wire."""
        return f"{self.name}-{wire}"


CLIENTS: Final = (
    Client("openai-2-chat", "openai {} (Python), chat", "chat", "openai_chat.py", "openai-2"),
    Client("openai-3-chat", "openai {} (Python), chat", "chat", "openai_chat.py", "openai-3"),
    Client("openai-2-responses", "openai {} (Python), responses", "responses", "openai_responses.py", "openai-2"),
    Client("openai-3-responses", "openai {} (Python), responses", "responses", "openai_responses.py", "openai-3"),
    Client("anthropic-1", "anthropic {} (Python)", "messages", "anthropic_messages.py", "anthropic-1"),
    Client("anthropic-2", "anthropic {} (Python)", "messages", "anthropic_messages.py", "anthropic-2"),
    Client("google-genai", "google-genai {} (Python)", "gemini", "genai_content.py", "google-genai"),
    Client("langchain-openai", "langchain-openai {}", "chat", "langchain_chat.py", "langchain", arguments=("openai",)),
    Client(
        "langchain-anthropic",
        "langchain-anthropic {}",
        "messages",
        "langchain_chat.py",
        "langchain",
        arguments=("anthropic",),
    ),
    Client("llama-index", "llama-index-llms-openai-like {}", "chat", "llamaindex_chat.py", "llama-index"),
    Client("ai-openai", "@ai-sdk/openai {}", "responses", "ai_sdk.mjs", "ai", "node", ("openai",)),
    Client("ai-anthropic", "@ai-sdk/anthropic {}", "messages", "ai_sdk.mjs", "ai", "node", ("anthropic",)),
    Client("ai-compatible", "@ai-sdk/openai-compatible {}", "chat", "ai_sdk.mjs", "ai", "node", ("compatible",)),
    Client("openai-2-others", "openai {} (Python)", "chat", "openai_others.py", "openai-2", wires=("chat",)),
    Client("openai-3-others", "openai {} (Python)", "chat", "openai_others.py", "openai-3", wires=("chat",)),
    Client("claude-code", "Claude Code {}", "messages", "claude_code.py", "claude-code", "claude"),
    Client("codex", "Codex CLI {}", "responses", "codex.py", "codex", "codex"),
)


class Setup(msgspec.Struct, frozen=True):
    """Where a script is to go; see scripts/harness.py."""

    url: str
    key: str
    models: tuple[str, ...]
    spent_key: str = ""
    gateway: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What came of one scenario.  ``refused``: what the model without dropUnsupported said, where it said that."""

    ok: bool
    detail: str = ""
    refused: str = ""


class Told(msgspec.Struct, frozen=True):
    """What one script told: the client's version, and outcomes by model and scenario."""

    version: str
    results: dict[str, dict[str, Outcome]]


async def drive(client: Client, setup: Setup) -> Told:
    """Run *client*'s script.  Raises as :func:`support.sdk.output_of` does; RuntimeError: it has no environment."""
    command, path = await asyncio.to_thread(_command, client, msgspec.json.encode(setup).decode())
    env = {"PATH": path, "HOME": os.environ.get("HOME", "/"), "PYTHONDONTWRITEBYTECODE": "1"}
    out = await output_of(*command, seconds=RUN_SECONDS, env=env)
    return msgspec.json.decode(out.splitlines()[-1], type=Told)


def _command(client: Client, setup: str) -> tuple[list[str], str]:
    """The command, and the PATH it needs."""
    script, path = str(_SCRIPTS / client.script), os.environ["PATH"]
    if client.kind == "python":
        return [str(client_python(client.environment)), script, setup, *client.arguments], path
    folder, node = client_node(client.environment), node_folder()
    path = f"{node}:{path}"
    if client.kind == "node":
        return [str(node / "node"), script, setup, *client.arguments, str(folder)], path
    return [sys.executable, script, setup, str(_program(client, folder))], path


def _program(client: Client, folder: Path) -> Path:
    if client.kind == "codex":
        return folder / "node_modules" / ".bin" / "codex"
    found = sorted((folder / "node_modules" / "@anthropic-ai").glob("claude-code-*/claude"))
    assert found, f"no binary of Claude Code for this machine in {folder}"
    return next((each for each in found if "musl" not in each.parent.name), found[0])
