"""Why an answer ended, in chat completions' words and in ours."""

from typing import Final

from sluice_dataplane.dialects.conversation import Finish

# Besides OpenAI's own: those of TGI, Together, Mistral, DeepSeek and servers with Anthropic's words.
_READ: Final[dict[str, Finish]] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "context",
    "insufficient_system_resource": "length",
    "tool_calls": "tools",
    "tool_use": "tools",
    "function_call": "tools",
    "content_filter": "filter",
    "stop_sequence": "stop_sequence",
}
_WRITTEN: Final[dict[Finish, str]] = {
    "stop": "stop",
    "length": "length",
    "tools": "tool_calls",
    "refusal": "content_filter",
    "filter": "content_filter",
    "stop_sequence": "stop",
    "pause": "stop",
    "context": "length",
}


def read_finish(word: str, *, called: bool, refused: bool) -> Finish:
    """What *word* means; an answer that just stopped, having called or refused, stopped for that."""
    finish = _READ.get(word, "stop")
    if finish == "stop" and called:
        return "tools"
    if finish == "stop" and refused:
        return "refusal"
    return finish


def write_finish(finish: Finish, *, refused: bool = False, old: bool = False) -> str:
    """The word for *finish*.  ``refused``: there are words of refusal; ``old``: calls are answered as a function's."""
    if finish == "refusal" and refused:
        return "stop"
    return "function_call" if old and finish == "tools" else _WRITTEN[finish]
