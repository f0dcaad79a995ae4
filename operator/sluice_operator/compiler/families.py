"""What families of models can take and do, by the maker's name of the model: data, the first pattern that fits holds.

Sources: the makers' model pages.  Tokens are the most that any account gets: a window said too small would refuse
what the provider takes, one said too large is refused by the provider itself.  What is left out is not known.
"""

from typing import Any, Final, Literal

from sluice_contract.snapshot import Capabilities

_Reasoning = Literal["none", "effort", "budget", "adaptive"]

UNKNOWN: Final = Capabilities()


def _modern(window: int | None, most: int | None, reasoning: _Reasoning | None, **others: Any) -> Capabilities:  # noqa: ANN401 - fields
    """A model that sees, reads, calls tools and follows a schema, unless *others* say otherwise."""
    said: dict[str, Any] = {
        "vision": True,
        "documents": True,
        "tools": True,
        "structured_output": True,
        "sampling": True,
        **others,
    }
    return Capabilities(context_window=window, max_output_tokens=most, reasoning=reasoning, **said)


def _texts(window: int | None, most: int | None, reasoning: _Reasoning | None, **others: Any) -> Capabilities:  # noqa: ANN401 - fields
    """The same for a model that reads nothing but text."""
    return _modern(window, most, reasoning, **{"vision": False, "documents": False, **others})


_CLAUDE_4: Final = _modern(1_000_000, 64_000, "budget", structured_output=False)
_CLAUDE_4_5: Final = _modern(1_000_000, 64_000, "budget")
_CLAUDE_4_7: Final = _modern(1_000_000, 128_000, "adaptive", sampling=False)

# Written with "-" for every "." (OpenRouter's claude-sonnet-4.5), dates and versions after it.
ANTHROPIC: Final[tuple[tuple[str, Capabilities], ...]] = (
    ("claude-3-7-*", _modern(200_000, 128_000, "budget", structured_output=False)),
    ("claude-3-5-*", _modern(200_000, 8_192, "none", structured_output=False)),
    ("claude-3-*", _modern(200_000, 4_096, "none", structured_output=False, documents=None)),
    ("claude-2*", _texts(200_000, 4_096, "none", structured_output=False, tools=False)),
    ("claude-opus-4-1*", _modern(200_000, 32_000, "budget")),
    ("claude-opus-4-5*", _modern(200_000, 64_000, "budget")),
    ("claude-haiku-4-5*", _modern(200_000, 64_000, "budget")),
    ("claude-sonnet-4-5*", _CLAUDE_4_5),
    ("claude-opus-4-6*", _modern(1_000_000, 128_000, "budget")),
    ("claude-sonnet-4-6*", _modern(1_000_000, 128_000, "budget")),
    ("claude-*-4-7*", _CLAUDE_4_7),
    ("claude-*-4-8*", _CLAUDE_4_7),
    ("claude-*-4-9*", _CLAUDE_4_7),
    ("claude-opus-4*", _modern(200_000, 32_000, "budget", structured_output=False)),
    ("claude-4-opus*", _modern(200_000, 32_000, "budget", structured_output=False)),
    ("claude-sonnet-4*", _CLAUDE_4),
    ("claude-4-sonnet*", _CLAUDE_4),
    ("claude-*-5*", _CLAUDE_4_7),
)

OPENAI: Final[tuple[tuple[str, Capabilities], ...]] = (
    ("gpt-*audio*", UNKNOWN),
    ("gpt-*realtime*", UNKNOWN),
    ("gpt-*transcribe*", UNKNOWN),
    ("gpt-*tts*", UNKNOWN),
    ("gpt-*image*", UNKNOWN),
    ("gpt-4o*search*", _modern(128_000, 16_384, "none", sampling=False)),
    ("gpt-3.5-turbo-instruct*", _texts(4_096, 4_096, "none", structured_output=False, tools=False)),
    ("gpt-3.5*", _texts(16_385, 4_096, "none", structured_output=False)),
    ("gpt-4-turbo*", _modern(128_000, 4_096, "none", structured_output=False)),
    ("gpt-4.1*", _modern(1_047_576, 32_768, "none")),
    ("gpt-4.5*", _modern(128_000, 16_384, "none")),
    ("gpt-4o*", _modern(128_000, 16_384, "none")),
    ("chatgpt-4o*", _modern(128_000, 16_384, "none", tools=False, structured_output=False)),
    ("gpt-4-32k*", _texts(32_768, 32_768, "none", structured_output=False)),
    ("gpt-4-1*", UNKNOWN),  # previews of turbo
    ("gpt-4-0*", _texts(8_192, 8_192, "none", structured_output=False)),
    ("gpt-4", _texts(8_192, 8_192, "none", structured_output=False)),
    ("o1-mini*", _texts(128_000, 65_536, "none", sampling=False, tools=False, structured_output=False)),
    ("o1-preview*", _texts(128_000, 32_768, "none", sampling=False, tools=False, structured_output=False)),
    ("o3-mini*", _modern(200_000, 100_000, "effort", vision=False, sampling=False)),
    ("o1*", _modern(200_000, 100_000, "effort", sampling=False)),
    ("o3*", _modern(200_000, 100_000, "effort", sampling=False)),
    ("o4*", _modern(200_000, 100_000, "effort", sampling=False)),
    ("gpt-5-chat*", _modern(128_000, 16_384, "none")),
    ("gpt-5-pro*", _modern(400_000, 272_000, "effort", sampling=False)),
    ("gpt-5*", _modern(None, 128_000, "effort", sampling=False)),  # windows differ: the price book has them
    ("gpt-6*", _modern(None, 128_000, "effort", sampling=False)),
    ("gpt-oss-*", _texts(131_072, 131_072, "effort")),
)

GOOGLE: Final[tuple[tuple[str, Capabilities], ...]] = (
    ("gemini-*-image*", UNKNOWN),
    ("gemini-*tts*", UNKNOWN),
    ("gemini-*live*", UNKNOWN),
    ("gemini-*audio*", UNKNOWN),
    ("gemini-*embedding*", UNKNOWN),
    ("gemini-1.5-pro*", _modern(2_097_152, 8_192, "none")),
    ("gemini-1.5*", _modern(1_048_576, 8_192, "none")),
    ("gemini-2.0*thinking*", UNKNOWN),
    ("gemini-2.0*", _modern(1_048_576, 8_192, "none")),
    ("gemini-2.5*", _modern(1_048_576, 65_536, "budget")),
    ("gemini-3*", _modern(1_048_576, 65_536, "effort")),
    ("gemini-4*", _modern(1_048_576, 65_536, "effort")),
    ("gemini-flash-latest", _modern(1_048_576, 65_536, None)),
    ("gemini-pro-latest", _modern(1_048_576, 65_536, None)),
)

OTHERS: Final[tuple[tuple[str, Capabilities], ...]] = (
    ("mistral-embed*", UNKNOWN),
    ("mistral-ocr*", UNKNOWN),
    ("mistral-moderation*", UNKNOWN),
    ("codestral-embed*", UNKNOWN),
    ("codestral-*", _texts(262_144, None, "none")),
    ("devstral-*", _texts(None, None, "none")),
    ("open-mi*", _texts(None, None, "none", structured_output=None, tools=None)),
    ("pixtral-*", _modern(131_072, None, "none", documents=None)),
    ("mistral-*", Capabilities(tools=True, structured_output=True, sampling=True)),
    ("magistral-*", Capabilities(tools=True, sampling=True)),
    ("ministral-*", Capabilities(tools=True, structured_output=True, sampling=True)),
    ("command-a-vision*", _modern(131_072, 8_192, "none", documents=False, tools=False)),
    ("command-a-reasoning*", _texts(262_144, 32_768, None)),
    ("command-a*", _texts(262_144, 8_192, "none")),
    ("command-r*", _texts(131_072, 4_096, "none")),
    ("grok-3-mini*", _texts(131_072, None, "effort")),
    ("grok-3*", _texts(131_072, None, "none")),
    ("grok-code*", _texts(262_144, None, "none")),
    ("grok-4-*", _modern(None, None, "none", documents=None)),
    ("grok-4", _modern(262_144, None, "none", documents=None)),
    ("grok-4*", _modern(None, None, None, documents=None)),
    ("deepseek-chat", _texts(1_000_000, None, None, structured_output=False)),
    ("deepseek-reasoner", _texts(1_000_000, None, None, structured_output=False)),
    ("deepseek-v*", _texts(None, None, None, structured_output=None)),
    ("sonar*", _modern(None, None, None, tools=False)),
    ("kimi-k2-*", _texts(262_144, None, None)),
    ("kimi-*", _modern(None, None, None, documents=None)),
    ("minimax-m2*", _texts(204_800, None, None, structured_output=None)),
    ("nova-micro-v1*", _texts(128_000, 10_000, "none", structured_output=False)),
    ("nova-lite-v1*", _modern(300_000, 10_000, "none", structured_output=False)),
    ("nova-pro-v1*", _modern(300_000, 10_000, "none", structured_output=False)),
    ("nova-premier-v1*", _modern(1_000_000, 32_000, "none", structured_output=False)),
)

FAMILIES: Final = (*ANTHROPIC, *OPENAI, *GOOGLE, *OTHERS)
