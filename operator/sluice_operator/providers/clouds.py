"""Rows of clouds that sell the models of several makers: their regions and identities, and which API knows which model.

Sources: the vendors' pages on inference APIs (Bedrock: ``inference-responses-api``, ``apis``; Vertex AI:
``call-vertex-using-openai-library``, ``use-claude``; Foundry: ``endpoints``; Databricks: ``query-anthropic-messages``).
"""

from typing import Final

from sluice_contract.quirks import NEW_CEILING, VERTEX_CLAUDE
from sluice_operator.providers.paths import (
    ALL_IMAGES,
    CHAT,
    COMPLETIONS,
    CONVERSE,
    COUNTED_MESSAGES,
    EMBEDDINGS,
    HEARING,
    KEPT_RESPONSES,
    MESSAGES,
    RESPONSES,
    SPEECH,
    below,
)
from sluice_operator.providers.row import Known, Provider

_VERTEX: Final = "/projects/{project}/locations/{location}"
_VERTEX_GEMINI: Final = f"{_VERTEX}/publishers/google/models/{{model}}"
_VERTEX_CLAUDE: Final = f"{_VERTEX}/publishers/anthropic/models/{{model}}"

CLOUDS: Final = {
    # One host for each resource; its keys travel bare, in a header of their own.  Claude is beside OpenAI's models.
    "AzureOpenAI": Provider(
        telemetry="azure.ai.openai",
        paths={
            **below(
                "/openai/v1",
                CHAT,
                KEPT_RESPONSES,
                COMPLETIONS,
                EMBEDDINGS,
                ALL_IMAGES,
                SPEECH,
                HEARING,
            ),
            **below("/anthropic/v1", COUNTED_MESSAGES),
        },
        tails=("/openai/v1", "/anthropic/v1", "/anthropic"),
        book="azure",
        auths=("APIKey", "None", "AzureAD"),
        auth_header="api-key",
        auth_prefix="",
        quirks=(NEW_CEILING,),
        known=(
            Known("*claude*", ("messages",)),
            Known("*codex*", ("responses",)),
            Known("*gpt-5*-pro*", ("responses",)),
            Known("gpt-5*", ("responses", "chat")),
            Known("gpt-6*", ("responses", "chat")),
            Known("o1*", ("responses", "chat")),
            Known("o3*", ("responses", "chat")),
            Known("o4*", ("responses", "chat")),
            Known("gpt-*", ("chat", "responses")),
            Known("*", ("chat", "responses")),
        ),
        note="`baseURL` is the resource's, such as `https://NAME.openai.azure.com/openai/v1`; models are deployments.",
    ),
    "VertexAI": Provider(
        telemetry="gcp.vertex_ai",
        base_url="https://{location}-aiplatform.googleapis.com/v1",
        elsewhere={
            "global": "https://aiplatform.googleapis.com/v1",
            "eu": "https://aiplatform.eu.rep.googleapis.com/v1",
            "us": "https://aiplatform.us.rep.googleapis.com/v1",
        },
        paths={
            "gemini": f"{_VERTEX_GEMINI}:generateContent",
            "gemini.stream": f"{_VERTEX_GEMINI}:streamGenerateContent?alt=sse",
            "gemini_count": f"{_VERTEX_GEMINI}:countTokens",
            "gemini_embeddings": f"{_VERTEX_GEMINI}:{{method}}",
            "messages": f"{_VERTEX_CLAUDE}:rawPredict",
            "messages.stream": f"{_VERTEX_CLAUDE}:streamRawPredict",
            "count_tokens": f"{_VERTEX}/publishers/anthropic/models/count-tokens:rawPredict",
            **below(f"{_VERTEX}/endpoints/openapi", CHAT, EMBEDDINGS),
        },
        book="google",
        auths=("GCP", "None"),
        quirks=(VERTEX_CLAUDE,),
        known=(
            Known("claude-*", ("messages",)),
            Known("gemini-*", ("gemini",)),
            Known("*", ("chat",)),
        ),
        note="Gemini and Claude by their bare names; others as `publisher/model`, such as `meta/llama-4-scout`."
        " The locations `global` (the default), `eu` and `us` have hosts of their own, which are known.",
    ),
    "Bedrock": Provider(
        telemetry="aws.bedrock",
        base_url="https://bedrock-runtime.{region}.amazonaws.com",
        paths={
            **CONVERSE,
            **below("/openai/v1", CHAT, RESPONSES),
        },
        tails=("/openai/v1",),
        book="aws",
        auths=("APIKey", "AWS", "None"),
        service="bedrock",
        known=(
            Known("*openai.gpt-oss*", ("converse", "chat")),
            Known("*openai.*", ("converse", "chat", "responses")),
            Known("*", ("converse",)),
        ),
        note="Models are ids, inference profiles or ARNs. An API key is sent as a bearer token.",
    ),
    "BedrockMantle": Provider(
        telemetry="aws.bedrock",
        base_url="https://bedrock-mantle.{region}.api.aws",
        paths={**below("/v1", CHAT, KEPT_RESPONSES), **below("/anthropic/v1", COUNTED_MESSAGES)},
        tails=("/anthropic/v1", "/anthropic", "/openai/v1", "/v1"),
        book="aws",
        auths=("APIKey", "AWS", "None"),
        service="bedrock-mantle",
        known=(
            Known("*anthropic.claude*", ("messages",)),
            Known("*openai.*", ("chat", "responses")),
            Known("*", ("chat",)),
        ),
        note="Bedrock's other endpoint, for what its first does not have.",
    ),
    "Databricks": Provider(
        telemetry="databricks",
        paths={
            **below("/serving-endpoints", CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS),
            **below("/serving-endpoints/anthropic/v1", MESSAGES),
        },
        tails=("/serving-endpoints/anthropic/v1", "/serving-endpoints/anthropic", "/serving-endpoints"),
        book="databricks",
        auths=("APIKey", "None", "OAuth2"),
        scope="all-apis",
        known=(
            Known("*claude*", ("messages", "chat")),
            Known("databricks-gpt-5*", ("chat", "responses")),
            Known("*", ("chat",)),
        ),
        note="`baseURL` is the workspace's. OAuth2 is its login for machines; its `tokenURL` ends in `/oidc/v1/token`.",
    ),
    "Cloudflare": Provider(
        telemetry="cloudflare",
        base_url="https://api.cloudflare.com/client/v4/accounts/{accountID}/ai/v1",
        paths={**CHAT, **RESPONSES, **EMBEDDINGS},
        book="cloudflare",
        known=(Known("@cf/openai/*", ("chat", "responses")), Known("*", ("chat",))),
    ),
}
