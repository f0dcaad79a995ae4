"""docs/compatibility.md, from what a run found.  Pure."""

from collections.abc import Iterable
from typing import Final

from support.clients.matrix import CLIENTS, WIRES, Client, Told
from support.clients.rules import Mark, mark

SHOWN: Final = {
    "chat": "OpenAI chat completions",
    "responses": "OpenAI responses",
    "messages": "Anthropic messages",
    "gemini": "Gemini generateContent",
    "converse": "Bedrock Converse",
}
COLUMNS: Final = {
    "chat": "chat",
    "settings": "settings",
    "stream": "stream",
    "tools": "tools",
    "thinking": "thinking",
    "structured": "structured output",
    "images": "images",
    "errors": "errors",
    "count_tokens": "count tokens",
    "models": "models",
}
ADDRESS: Final = {
    "chat": "base URL `http://HOST/v1`",
    "responses": "base URL `http://HOST/v1`",
    "messages": "base URL `http://HOST`",
    "gemini": "base URL `http://HOST`",
}
SPECIAL: Final = {
    "ai-anthropic": "`baseURL` is `http://HOST/v1`",
    "claude-code": "`ANTHROPIC_BASE_URL=http://HOST`, `ANTHROPIC_API_KEY` the virtual key",
    "codex": (
        '`model_providers.…` with `base_url = "http://HOST/v1"`, `wire_api = "responses"`; `web_search = "disabled"`'
        " where a Budget holds the key's cost: no price covers searches"
    ),
}
HEAD: Final = """# Which client works with which provider

Written by the tests in `tests/e2e/clients`, which run every client below, unchanged, through one `sluice serve` in
front of a scripted provider that speaks each API as strictly as the real one does, and fail where this page is not
what they found. Rows are clients, columns the API that the provider speaks.

- **chat**: an answer, its usage, a ceiling; asynchronously too where the client can
- **settings**: all that can be set and changes an answer: sampling, penalties, stop sequences, log probabilities, …
- **stream**: the words in pieces, and usage where it is asked for
- **tools**: a call, its result, the answer; two calls at once; in a stream; a forced one
- **thinking**: a thought, a call, and the thought's proof back at its provider with the result
- **structured output**: JSON by a schema, parsed by the client itself
- **images**: a picture in the request, or in the result of a tool
- **errors**: each as the client's own class: a bad request, a wrong key, a rate limit with its `retry-after`, a stream
  that breaks, a spent Budget after one request only

✓ works. ✓ with a number works as the note says. "no" is refused, by the rule in the note. An empty cell is
not tried.
"""


def page(told: dict[str, Told]) -> str:
    """The whole page."""
    notes: list[str] = []
    conversing = [client for client in CLIENTS if client.wires == WIRES]
    parts = [HEAD, _clients(told), "## At a glance\n", _glance(conversing, told, notes)]
    for wire in WIRES:
        parts += [f"## Where the provider speaks {SHOWN[wire]}\n", _details(conversing, wire, told, notes)]
    parts += ["## Other calls\n", _others(told)]
    parts += ["## Notes\n", *(f"{number}. {note}" for number, note in enumerate(notes, start=1))]
    return "\n".join(parts).rstrip() + "\n"


def marks(client: Client, wire: str, told: Told) -> dict[str, Mark]:
    """By scenario."""
    outcomes = told.results[client.model(wire)]
    return {scenario: mark(wire, scenario, outcome) for scenario, outcome in outcomes.items()}


def _name(client: Client, told: dict[str, Told]) -> str:
    return client.shown.format(told[client.name].version)


def _clients(told: dict[str, Told]) -> str:
    rows = [
        [_name(client, told), SHOWN[client.front], SPECIAL.get(client.name, ADDRESS[client.front])]
        for client in CLIENTS
        if client.wires == WIRES
    ]
    return _table(["Client", "speaks", "set up with"], rows)


def _glance(clients: Iterable[Client], told: dict[str, Told], notes: list[str]) -> str:
    rows = []
    for client in clients:
        cells = []
        for wire in WIRES:
            found = marks(client, wire, told[client.name])
            bad = [COLUMNS[scenario] for scenario, each in found.items() if each.sign != "✓"]
            noted = tuple(note for each in found.values() if each.sign == "✓" for note in each.notes)
            cells.append(_noted("✓", noted, notes) + (f" but {', '.join(bad)}" if bad else ""))
        rows.append([_name(client, told), *cells])
    return _table(["Client", *(SHOWN[wire] for wire in WIRES)], rows)


def _details(clients: Iterable[Client], wire: str, told: dict[str, Told], notes: list[str]) -> str:
    rows = []
    for client in clients:
        found = marks(client, wire, told[client.name])
        cells = [
            _noted(found[scenario].sign, found[scenario].notes, notes) if scenario in found else ""
            for scenario in COLUMNS
        ]
        rows.append([_name(client, told), *cells])
    return _table(["Client", *COLUMNS.values()], rows)


def _others(told: dict[str, Told]) -> str:
    clients = [client for client in CLIENTS if client.wires != WIRES]
    names = list(told[clients[0].name].results[clients[0].model("chat")])
    rows = []
    for client in clients:
        found = marks(client, "chat", told[client.name])
        rows.append([_name(client, told), *(found[name].sign for name in names)])
    return "Passed on as they come, to a provider that speaks OpenAI's API.\n\n" + _table(["Client", *names], rows)


def _noted(sign: str, found: Iterable[str], notes: list[str]) -> str:
    """*sign* with the numbers of its notes, which are numbered as they first appear."""
    numbers = []
    for note in found:
        if note not in notes:
            notes.append(note)
        numbers.append(notes.index(note) + 1)
    return " ".join([sign, *(f"[{number}](#notes)" for number in sorted(set(numbers)))])


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
