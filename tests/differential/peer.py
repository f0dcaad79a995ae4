"""LiteLLM's translations, one JSON line in, one out.  Runs in an environment of its own, and calls nobody.

Lines are ``{"pair": …, "kind": "request" | "answer", "body": …}``; what comes back is ``{"body": …}``, or
``{"error": …}`` where it refuses.  Only its pure transformations are called, with what its ``completion`` would give
them.
"""

import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks for one over the network
os.environ["LITELLM_MODE"] = "PRODUCTION"

import httpx
import litellm
from litellm.llms.anthropic.chat.transformation import AnthropicConfig
from litellm.llms.anthropic.messages.adapters.transformation import LiteLLMAnthropicMessagesAdapter
from litellm.llms.bedrock.chat.converse_transformation import AmazonConverseConfig
from litellm.llms.vertex_ai.gemini.transformation import _transform_request_body
from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import VertexGeminiConfig
from litellm.responses.litellm_completion_transformation.transformation import LiteLLMCompletionResponsesConfig
from litellm.types.utils import ModelResponse
from litellm.utils import get_optional_params

litellm.suppress_debug_info = True
logging.disable(logging.CRITICAL)
CLAUDE, GEMINI = "claude-sonnet-4-5", "gemini-2.5-pro"
BEDROCK = "anthropic.claude-sonnet-4-5-20250929-v1:0"
Body = dict[str, Any]


def optional(body: Body, model: str, provider: str) -> Body:
    """A chat request's parameters in the words of *provider*."""
    given = {key: value for key, value in body.items() if key not in ("model", "messages")}
    found: Body = get_optional_params(
        model=model, custom_llm_provider=provider, messages=turns(body), drop_params=True, **given
    )
    return found


def turns(body: Body) -> list[Body]:
    """Its messages; ``completion`` renames the developer before it calls a transformation."""
    return [{**each, "role": "system"} if each["role"] == "developer" else each for each in body["messages"]]


def chat_to_messages(body: Body) -> Any:
    """A chat request for Anthropic."""
    found = optional(body, CLAUDE, "anthropic")
    return AnthropicConfig().transform_request(CLAUDE, turns(body), found, {}, {})


def chat_to_gemini(body: Body) -> Any:
    """A chat request for Gemini."""
    found = optional(body, GEMINI, "gemini")
    return _transform_request_body(turns(body), GEMINI, found, "gemini", {}, None)


def chat_to_converse(body: Body) -> Any:
    """A chat request for Bedrock."""
    found = optional(body, BEDROCK, "bedrock")
    return AmazonConverseConfig()._transform_request(BEDROCK, turns(body), found, {}, {})


def messages_to_chat(body: Body) -> Any:
    """A Messages request for a provider of chat completions."""
    found = LiteLLMAnthropicMessagesAdapter().translate_anthropic_to_openai(anthropic_message_request=body)
    return found[0] if isinstance(found, tuple) else found


def responses_to_chat(body: Body) -> Any:
    """A Responses request for a provider of chat completions."""
    given = {key: value for key, value in body.items() if key not in ("model", "input")}
    return LiteLLMCompletionResponsesConfig.transform_responses_api_request_to_chat_completion_request(
        model=body["model"], input=body["input"], responses_api_request=given
    )


class _Log:
    """What takes the place of its log."""

    def __init__(self) -> None:
        self.optional_params: Body = {}
        self.model_call_details: Body = {}
        self.litellm_params: Body = {}

    def post_call(self, **_: Any) -> None:
        """Nothing is told."""


def messages_answer(body: Body) -> Any:
    """Anthropic's answer for a client of chat completions."""
    return AnthropicConfig().transform_parsed_response(body, httpx.Response(200, json=body), ModelResponse())


def gemini_answer(body: Body) -> Any:
    """Gemini's answer for a client of chat completions."""
    return VertexGeminiConfig()._transform_google_generate_content_to_openai_model_response(
        body, ModelResponse(), GEMINI, _Log(), httpx.Response(200, json=body)
    )


def converse_answer(body: Body) -> Any:
    """Bedrock's answer for a client of chat completions."""
    raw = httpx.Response(200, json=body)
    return AmazonConverseConfig()._transform_response(
        BEDROCK, raw, ModelResponse(), False, None, {}, None, {}, [], None
    )


def chat_answer_messages(body: Body) -> Any:
    """A chat completion for a client of Anthropic's."""
    return LiteLLMAnthropicMessagesAdapter().translate_openai_response_to_anthropic(ModelResponse(**body))


def chat_answer_responses(body: Body) -> Any:
    """A chat completion for a client of the Responses API."""
    return LiteLLMCompletionResponsesConfig.transform_chat_completion_response_to_responses_api_response(
        "Hi", {}, ModelResponse(**body)
    )


CALLS: dict[str, Callable[[Body], Any]] = {
    "request chat-messages": chat_to_messages,
    "request chat-gemini": chat_to_gemini,
    "request chat-converse": chat_to_converse,
    "request messages-chat": messages_to_chat,
    "request responses-chat": responses_to_chat,
    "answer chat-messages": messages_answer,
    "answer chat-gemini": gemini_answer,
    "answer chat-converse": converse_answer,
    "answer messages-chat": chat_answer_messages,
    "answer responses-chat": chat_answer_responses,
}


def plain(value: Any) -> Any:
    """*value* as JSON."""
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(exclude_none=True))
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def main() -> None:
    """Until the input ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed
    for line in sys.stdin:
        case = json.loads(line)
        try:
            found = {"body": plain(CALLS[f"{case['kind']} {case['pair']}"](case["body"]))}
        except Exception as error:  # noqa: BLE001  whatever it raises is how it refuses
            found = {"error": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(found) + "\n")
    out.flush()


main()
