"""The tools of a client's chat completion, which of them the model must use, and the form of the answer.

Sources: the OpenAI API reference (``tools``, ``tool_choice``, ``functions``, ``function_call``, ``response_format``).
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.chat.edge import beyond_translation, unread_object
from sluice_dataplane.dialects.chat.parts_in import CacheControl, cache_of
from sluice_dataplane.dialects.conversation import EMPTY_OBJECT, Format, Tool, ToolChoice
from sluice_dataplane.dialects.edge import decode, invalid
from sluice_dataplane.dialects.values import ABSENT, raw, said


class _Function(msgspec.Struct, gc=False):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = ABSENT
    strict: bool | None = None
    cache_control: CacheControl | None = None


class Grammar(msgspec.Struct, gc=False):
    """What the input of a custom tool must follow."""

    syntax: str
    definition: str


class _Input(msgspec.Struct, gc=False):
    type: str
    grammar: Grammar | None = None


class _Custom(msgspec.Struct, gc=False):
    name: str
    description: str | None = None
    format: _Input | None = None


class _Tool(msgspec.Struct, gc=False):
    type: str = "function"
    function: _Function | None = None
    custom: _Custom | None = None
    cache_control: CacheControl | None = None


class _Named(msgspec.Struct, gc=False):
    name: str


class _Allowable(msgspec.Struct, gc=False):
    function: _Named | None = None
    custom: _Named | None = None
    name: str | None = None


class _Allowed(msgspec.Struct, gc=False):
    mode: str = "auto"
    tools: list[_Allowable] = []


class _Choice(msgspec.Struct, gc=False):
    type: str = "function"
    function: _Named | None = None
    custom: _Named | None = None
    allowed_tools: _Allowed | None = None


class _Schema(msgspec.Struct, gc=False):
    name: str | None = None
    description: str | None = None
    schema: msgspec.Raw = ABSENT
    strict: bool | None = None


class _Format(msgspec.Struct, gc=False):
    type: str
    json_schema: _Schema | None = None


_tools: Final = msgspec.json.Decoder(list[_Tool])
_functions: Final = msgspec.json.Decoder(list[_Function])
_choice: Final = msgspec.json.Decoder(str | _Choice)
_old_choice: Final = msgspec.json.Decoder(str | _Named)
_format: Final = msgspec.json.Decoder(_Format)
OLD_PLACE: Final = "functions["  # where tools stand whose calls are answered as they were before there were tools


def read_tools(given: msgspec.Raw, functions: msgspec.Raw) -> tuple[Tool, ...]:
    """The tools in ``tools`` and ``functions``.

    Raises:
        InvalidRequestError: one cannot be understood, or is run by OpenAI itself; names the field.
    """
    read: list[Tool] = []
    if said(given):
        tools = decode(_tools, given, "tools")
        for number, tool in enumerate(tools):
            read.append(_tool(tool, f"tools[{number}]"))
    if said(functions):
        old = decode(_functions, functions, "functions")
        for number, function in enumerate(old):
            read.append(_of_function(_Tool(function=function), function, f"{OLD_PLACE}{number}]"))
    return tuple(read)


def _tool(tool: _Tool, at: str) -> Tool:
    if tool.type == "custom" and tool.custom is not None:
        custom = tool.custom
        grammar = custom.format.grammar if custom.format is not None else None
        return Tool(
            name=custom.name,
            description=custom.description or "",
            free=True,
            grammar=None if grammar is None else raw({"type": "grammar", **msgspec.structs.asdict(grammar)}),
            cache=cache_of(tool.cache_control),
            at=at,
        )
    if tool.type == "function" and tool.function is not None:
        return _of_function(tool, tool.function, at)
    if tool.type in ("function", "custom"):
        raise invalid(f"{at}.{tool.type}", "is missing")
    raise beyond_translation(f"{at}.type", "a tool of this kind")


def _of_function(tool: _Tool, function: _Function, at: str) -> Tool:
    place = f"{at}.parameters" if at.startswith(OLD_PLACE) else f"{at}.function.parameters"
    schema = unread_object(function.parameters, place)
    return Tool(
        name=function.name,
        description=function.description or "",
        schema=EMPTY_OBJECT if schema is None else schema,
        strict=function.strict,
        cache=cache_of(tool.cache_control or function.cache_control),
        at=at,
    )


def read_tool_choice(given: msgspec.Raw, old: msgspec.Raw, parallel: bool | None) -> ToolChoice | None:  # noqa: FBT001
    """What ``tool_choice``, ``function_call`` and ``parallel_tool_calls`` say together; None where it is nothing.

    Raises:
        InvalidRequestError: it cannot be understood; names the field.
    """
    one = False if parallel is False else None
    if said(given):
        choice = decode(_choice, given, "tool_choice")
        read = _of_word(choice, "tool_choice") if isinstance(choice, str) else _of_object(choice)
    elif said(old):
        named = decode(_old_choice, old, "function_call")
        read = _of_word(named, "function_call") if isinstance(named, str) else ToolChoice(mode="tool", name=named.name)
    elif one is None:
        return None
    else:
        read = ToolChoice()
    return read if one is None else msgspec.structs.replace(read, parallel=one)


def _of_word(word: str, at: str) -> ToolChoice:
    if word == "auto":
        return ToolChoice()
    if word == "none":
        return ToolChoice(mode="none")
    if word in ("required", "any"):
        return ToolChoice(mode="any")
    raise invalid(at, "must be none, auto, required or name a tool")


def _of_object(choice: _Choice) -> ToolChoice:
    named = choice.custom or choice.function
    if named is not None:
        return ToolChoice(mode="tool", name=named.name)
    if choice.allowed_tools is None:
        raise invalid("tool_choice", "must be none, auto, required or name a tool")
    allowed = choice.allowed_tools
    names: list[str] = []
    for number, tool in enumerate(allowed.tools):
        found = tool.function or tool.custom or tool
        if not found.name:
            raise invalid(f"tool_choice.allowed_tools.tools[{number}]", "must name a function or a custom tool")
        names.append(found.name)
    return ToolChoice(mode="any" if allowed.mode == "required" else "auto", allowed=tuple(names))


def read_format(given: msgspec.Raw) -> Format | None:
    """The form that ``response_format`` asks for; None for text.

    Raises:
        InvalidRequestError: it cannot be understood, or no other API has its like; names the field.
    """
    if not said(given):
        return None
    asked = decode(_format, given, "response_format")
    if asked.type == "text":
        return None
    if asked.type == "json_object":
        return Format(kind="object")
    if asked.type != "json_schema":
        raise beyond_translation("response_format.type", "an answer of this form")
    described = asked.json_schema
    if described is None:
        raise invalid("response_format.json_schema", "must hold a JSON Schema")
    schema = unread_object(described.schema, "response_format.json_schema.schema")
    return Format(
        kind="schema",
        name=described.name or "",
        description=described.description or "",
        schema=EMPTY_OBJECT if schema is None else schema,
        strict=described.strict,
    )
