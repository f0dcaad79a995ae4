"""Names of tools: the API has namespaces of them, the other wires have not."""

from collections.abc import Mapping
from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import Request
from sluice_dataplane.dialects.values import ABSENT

_BETWEEN: Final = "__"


class _Named(msgspec.Struct, gc=False):
    type: str | None = None
    name: str = ""
    tools: msgspec.Raw = ABSENT


_tools: Final = msgspec.json.Decoder(list[_Named])


def full_name(namespace: str | None, name: str) -> str:
    """The name by which other wires know the tool."""
    return f"{namespace}{_BETWEEN}{name}" if namespace else name


class Names:
    """The client's names of the tools of one request, and which of them take plain text."""

    __slots__ = ("_free", "_spaces")

    def __init__(self, request: Request) -> None:
        self._spaces = _spaces(request.echo)
        self._free = {tool.name for tool in request.tools if tool.free}

    def split(self, name: str) -> tuple[str | None, str]:
        """The namespace, if it has one, and the name of the tool that other wires know as *name*."""
        return self._spaces.get(name, (None, name))

    def is_free(self, name: str) -> bool:
        """Whether the tool takes plain text: other wires may have wrapped it in an object."""
        return name in self._free


def _spaces(echo: Mapping[str, msgspec.Raw]) -> dict[str, tuple[str | None, str]]:
    found: dict[str, tuple[str | None, str]] = {}
    if b'"namespace"' not in bytes(echo.get("tools", ABSENT)):
        return found
    try:
        for space in _tools.decode(echo["tools"]):
            if space.type == "namespace":
                for tool in _tools.decode(space.tools):
                    found[full_name(space.name, tool.name)] = (space.name, tool.name)
    except (ValueError, RecursionError):
        return {}
    return found
