"""The provider table: what a provider's type alone tells us."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ProviderType:
    """What holds for every account of one type unless its spec says otherwise.

    ``base_url`` None has no default: the spec must name one.  ``provider_name`` is OpenTelemetry's
    ``gen_ai.provider.name``.  ``book`` is the provider's name in the price book; None is never looked up there:
    what runs on one's own machines has no list price.
    """

    provider_name: str
    base_url: str | None = None
    book: str | None = None
    auth_header: str = "authorization"
    auth_prefix: str = "Bearer "


ECHO: Final = "Echo"  # answered inside the data plane: no address, no credential
SERVICE: Final = "OpenAICompatible"  # what a Service behind a serviceRef is expected to speak

# A path such as "/chat/completions" is appended to the base URL.  No type by itself may reach a private network:
# an account says so (allowPrivateNetwork), and a serviceRef means it.
PROVIDER_TYPES: Final[dict[str, ProviderType]] = {
    "OpenAI": ProviderType("openai", "https://api.openai.com/v1", "openai"),
    # One host for each resource; its keys travel bare, in a header of their own.
    "AzureOpenAI": ProviderType("azure.ai.openai", book="azure", auth_header="api-key", auth_prefix=""),
    "OpenAICompatible": ProviderType("openai_compatible"),
    "VLLM": ProviderType("vllm"),
    "SGLang": ProviderType("sglang"),
    "Ollama": ProviderType("ollama"),
    "LlamaCpp": ProviderType("llama_cpp"),
    "Mistral": ProviderType("mistral_ai", "https://api.mistral.ai/v1", "mistral"),
    "Groq": ProviderType("groq", "https://api.groq.com/openai/v1", "groq"),
    "Together": ProviderType("together_ai", "https://api.together.ai/v1", "together"),
    "Fireworks": ProviderType("fireworks_ai", "https://api.fireworks.ai/inference/v1", "fireworks"),
    "DeepSeek": ProviderType("deepseek", "https://api.deepseek.com", "deepseek"),
    "XAI": ProviderType("x_ai", "https://api.x.ai/v1", "x-ai"),
    "OpenRouter": ProviderType("openrouter", "https://openrouter.ai/api/v1", "openrouter"),
    "Perplexity": ProviderType("perplexity", "https://api.perplexity.ai", "perplexity"),
    "Cerebras": ProviderType("cerebras", "https://api.cerebras.ai/v1", "cerebras"),
    "NVIDIA": ProviderType("nvidia_nim", "https://integrate.api.nvidia.com/v1"),
    # Which of its partners serves a call, and so its price, is not known before the call.
    "HuggingFace": ProviderType("hugging_face", "https://router.huggingface.co/v1"),
    ECHO: ProviderType("sluice_echo"),
}
