"""Rows of servers that people run themselves, and of any address that speaks a known API.

Each asks for a base URL, up to and with the version.  What their models can do is not guessed from names.
"""

from typing import Final

from sluice_contract.quirks import IGNORES_CASE
from sluice_operator.providers.paths import (
    BESIDE,
    CHAT,
    COMPLETIONS,
    COUNTED_MESSAGES,
    EMBEDDINGS,
    HEARING,
    KEPT_RESPONSES,
    MESSAGES,
    RERANK,
    RESPONSES,
    below,
    by_convention,
)
from sluice_operator.providers.row import AuthType, Provider

_AUTHS: Final[tuple[AuthType, ...]] = ("APIKey", "None", "OAuth2")
_ANY_TOKEN: Final[tuple[AuthType, ...]] = ("APIKey", "None", "OAuth2", "AzureAD", "GCP")

COMPATIBLE: Final = {
    "OpenAICompatible": Provider(
        telemetry="openai_compatible",
        paths={**CHAT, **BESIDE},
        auths=_ANY_TOKEN,
        wider=by_convention(),
        note="Whatever speaks OpenAI's API. `dialects` says what else is there.",
    ),
    "AnthropicCompatible": Provider(
        telemetry="anthropic_compatible",
        paths=below("/v1", COUNTED_MESSAGES),
        tails=("/v1",),
        auths=_ANY_TOKEN,
        auth_header="x-api-key",
        auth_prefix="",
        wider=by_convention("/v1"),
        note="Whatever speaks Anthropic's API; `baseURL` with or without `/v1`. `dialects` says what else is there.",
    ),
}

SELF_HOSTED: Final = {
    "VLLM": Provider(
        telemetry="vllm",
        paths={**CHAT, **KEPT_RESPONSES, **COUNTED_MESSAGES, **COMPLETIONS, **EMBEDDINGS, **RERANK, **HEARING},
        auths=_AUTHS,
        own=True,
        wider=by_convention(),
        note="For a release without `/v1/messages` or `/v1/responses` say `dialects: [Chat]`.",
    ),
    "SGLang": Provider(
        telemetry="sglang",
        paths={**CHAT, **RESPONSES, **COUNTED_MESSAGES, **COMPLETIONS, **EMBEDDINGS},
        auths=_AUTHS,
        own=True,
        wider=by_convention(),
        note="Its rankings come in a form of their own, and are not served.",
    ),
    "Ollama": Provider(
        telemetry="ollama",
        paths={**CHAT, **RESPONSES, **MESSAGES, **COMPLETIONS, **EMBEDDINGS},
        auths=_AUTHS,
        quirks=(IGNORES_CASE,),
        own=True,
        wider=by_convention(),
        note="`baseURL` ends in `/v1`, not in `/api`. It takes `Model` for `model`: such names are refused.",
    ),
    "TGI": Provider(telemetry="tgi", paths={**CHAT, **COMPLETIONS}, auths=_AUTHS, own=True, wider=by_convention()),
    "TEI": Provider(
        telemetry="tei",
        paths=below("/v1", EMBEDDINGS),
        tails=("/v1",),
        auths=_AUTHS,
        own=True,
        note="`baseURL` with or without `/v1`. Its rankings come in a form of their own, and are not served.",
    ),
    "LlamaCpp": Provider(
        telemetry="llama_cpp",
        paths={**CHAT, **RESPONSES, **COUNTED_MESSAGES, **COMPLETIONS, **EMBEDDINGS, **RERANK},
        auths=_AUTHS,
        own=True,
        wider=by_convention(),
    ),
    "LMStudio": Provider(
        telemetry="lmstudio",
        paths={**CHAT, **RESPONSES, **MESSAGES, **COMPLETIONS, **EMBEDDINGS},
        auths=_AUTHS,
        own=True,
        wider=by_convention(),
    ),
}
