"""Specs that hold together, for tests that need some."""

from typing import Any, Final

Spec = dict[str, Any]

ECHO: Final[Spec] = {
    "targets": [{"name": "echo", "provider": {"type": "Echo"}, "model": "echo"}],
    "pricing": {"free": True},
}
BUDGET: Final[Spec] = {
    "limit": {"unit": "Cost", "amount": "50", "currency": "USD"},
    "period": {"type": "Calendar", "calendar": {"unit": "Month", "timeZone": "UTC"}},
}


def openai(secret: str, *, key: str = "api-key") -> Spec:
    """A model of an account whose credential is in a Secret."""
    auth = {"type": "APIKey", "apiKey": {"secretRef": {"name": secret, "key": key}}}
    provider = {"type": "OpenAICompatible", "baseURL": "https://llm.example.com/v1", "auth": auth}
    return {"targets": [{"name": "far", "provider": provider}], "pricing": {"free": True}}
