"""The table as a page of the reference, and ``python -m sluice_operator.providers.reference FILE``, which writes it."""

import sys
from pathlib import Path
from typing import Final

from sluice_operator.providers.row import CONVERSATIONS, DIALECTS, Provider
from sluice_operator.providers.table import ECHO, PROVIDERS

BEGIN: Final = "<!-- written by `make reference` from sluice_operator.providers; changes here are lost -->\n"
END: Final = "<!-- end -->\n"
_HEAD: Final = (
    "| `type` | default `baseURL` | conversations | else | `auth` besides None | model names that tell it |\n"
    "|---|---|---|---|---|---|\n"
)


def table() -> str:
    """One line for each type, and after them what is to be known of some."""
    lines = [_line(name, row) for name, row in PROVIDERS.items()]
    notes = [f"- **{name}**: {row.note}" for name, row in PROVIDERS.items() if row.note]
    return _HEAD + "\n".join(lines) + "\n\n" + "\n".join(notes) + "\n"


def written(page: str) -> str:
    """*page* with the table between its marks made anew.

    Raises:
        ValueError: it has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("no marks to write between")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _line(name: str, row: Provider) -> str:
    address = f"`{row.base_url}`" if row.base_url else ("" if name == ECHO else "required")
    own = {endpoint for names in DIALECTS.values() for endpoint in names}
    # A row's own words come first: where all its models know one conversation only, that is what it speaks.
    known = {each for rule in row.known for each in rule.speaks} if row.known else set(CONVERSATIONS)
    whole = not any(rule.pattern == "*" for rule in row.known)
    spoken = [dialect for dialect in row.dialects() if whole or DIALECTS[dialect][0] in known]
    beside = [endpoint for endpoint in row.paths if endpoint not in own]
    names = [f"`{pattern}`" for pattern in row.names] + [f"`{prefix}/`" for prefix in row.prefixes]
    auths = [auth for auth in row.auths if auth != "None"]
    cells = (f"`{name}`", address, ", ".join(spoken), ", ".join(beside), ", ".join(auths), " ".join(names))
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> int:
    """Write the table into each file of *arguments*; 2 if there is none."""
    if not arguments:
        sys.stderr.write("usage: python -m sluice_operator.providers.reference FILE...\n")
        return 2
    for path in map(Path, arguments):
        path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
