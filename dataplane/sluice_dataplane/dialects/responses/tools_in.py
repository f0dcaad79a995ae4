"""Tools of a request, and which of them the model may use."""

from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import EMPTY_OBJECT, Tool, ToolChoice
from sluice_dataplane.dialects.edge import decode, invalid
from sluice_dataplane.dialects.responses.names import full_name
from sluice_dataplane.dialects.values import ABSENT, said, starts


class _Tool(msgspec.Struct):
    type: str | None = None
    name: str | None = None
    description: str | None = None
    parameters: msgspec.Raw = ABSENT
    strict: bool | None = None
    format: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT


class _Chosen(msgspec.Struct):
    type: str = ""
    name: str | None = None
    mode: str = "auto"
    tools: list["_Chosen"] = []


_tools: Final = msgspec.json.Decoder(list[_Tool])
_chosen: Final = msgspec.json.Decoder(_Chosen)
_string: Final = msgspec.json.Decoder(str)
_CHOICES: Final = {
    "auto": ToolChoice(mode="auto"),
    "none": ToolChoice(mode="none"),
    "required": ToolChoice(mode="any"),
}


def read_tools(value: msgspec.Raw, at: str, beyond: list[str], space: str | None = None) -> tuple[Tool, ...]:
    """The tools that the client runs; those that only this API's providers know are added to *beyond*.

    Raises:
        InvalidRequestError: they cannot be understood; names the field.
    """
    if not said(value):
        return ()
    found: list[Tool] = []
    tools = decode(_tools, value, at)
    for number, tool in enumerate(tools):
        place = f"{at}[{number}]"
        if tool.type == "namespace" and space is None:
            found.extend(read_tools(tool.tools, f"{place}.tools", beyond, tool.name or ""))
        elif tool.type in ("function", "custom"):
            found.append(_read_tool(tool, place, space))
        else:
            beyond.append(place)
    return tuple(found)


def _read_tool(tool: _Tool, at: str, space: str | None) -> Tool:
    if not tool.name:
        raise invalid(f"{at}.name", "is missing")
    name, description = full_name(space, tool.name), tool.description or ""
    if tool.type == "custom":
        grammar = tool.format if said(tool.format) else None
        return Tool(name=name, description=description, free=True, grammar=grammar, at=at)
    schema = tool.parameters if said(tool.parameters) else EMPTY_OBJECT
    return Tool(name=name, description=description, schema=schema, strict=tool.strict, at=at)


def read_choice(value: msgspec.Raw, beyond: list[str], *, parallel: bool | None) -> ToolChoice | None:
    """``tool_choice`` and ``parallel_tool_calls``; None where they say nothing but the usual.

    Raises:
        InvalidRequestError: it cannot be understood.
    """
    choice = _read_choice(value, beyond) if said(value) else None
    if parallel is False:
        return msgspec.structs.replace(choice or ToolChoice(), parallel=False)
    return choice


def _read_choice(value: msgspec.Raw, beyond: list[str]) -> ToolChoice | None:
    if starts(value, b'"'):
        word = _CHOICES.get(decode(_string, value, "tool_choice"))
        if word is None:
            raise invalid("tool_choice", "must be auto, none, required or a tool")
        return word
    chosen = decode(_chosen, value, "tool_choice")
    if chosen.type in ("function", "custom") and chosen.name:
        return ToolChoice(mode="tool", name=chosen.name)
    if chosen.type == "allowed_tools":
        allowed = tuple(tool.name for tool in chosen.tools if tool.name)
        return ToolChoice(mode="any" if chosen.mode == "required" else "auto", allowed=allowed)
    beyond.append("tool_choice")
    return None
