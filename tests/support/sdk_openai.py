"""Drives the OpenAI SDK against a gateway and prints what it saw, as one JSON object: a name for each thing tried.

Runs in an environment that has ``openai`` and nothing else of ours::

    python sdk_openai.py --base-url http://127.0.0.1:4000/v1 --key sk-… --model chat \
        [--spent-key sk-…] [--limited-key sk-…] [--slow-model slow] [--failing-model fault-500] [--breaking-model …]

What its options do not make possible is left out.  An error shows as its class, status, code and how many requests
the SDK made; words of a model are told as they came, for the caller to judge.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import openai

TEXT = "Hello from the SDK"


class Driver:
    """One SDK client, and how many requests it made."""

    def __init__(self, base_url: str, key: str, model: str) -> None:
        self.base_url, self.key, self.model = base_url, key, model
        self.requests = 0

    def client(self, key: str | None = None, **options: Any) -> openai.OpenAI:
        """A client that counts its requests."""
        counting = openai.DefaultHttpxClient(event_hooks={"request": [self._count]}, trust_env=False)
        return openai.OpenAI(base_url=self.base_url, api_key=key or self.key, http_client=counting, **options)

    def _count(self, _request: object) -> None:
        self.requests += 1

    def messages(self) -> list[Any]:
        """One user message."""
        return [{"role": "user", "content": TEXT}]

    # What an application does.

    def chat(self) -> dict[str, Any]:
        """A plain answer."""
        answer = self.client().chat.completions.create(model=self.model, messages=self.messages(), max_tokens=16)
        return {
            "content": answer.choices[0].message.content,
            "finish": answer.choices[0].finish_reason,
            "usage": answer.usage.model_dump() if answer.usage else None,
            "request_id": answer._request_id,
        }

    def chat_raw(self) -> dict[str, Any]:
        """A plain answer's headers."""
        raw = self.client().chat.completions.with_raw_response.create(model=self.model, messages=self.messages())
        return {"status": raw.status_code, "headers": dict(raw.headers), "model": raw.parse().model}

    def stream(self) -> dict[str, Any]:
        """A streamed answer, as applications ask for it."""
        return self._stream()

    def stream_with_usage(self) -> dict[str, Any]:
        """A streamed answer with its usage."""
        return self._stream(stream_options={"include_usage": True})

    def _stream(self, **options: Any) -> dict[str, Any]:
        asked: Any = {"model": self.model, "messages": self.messages(), "max_tokens": 16, **options}
        chunks = list(self.client().chat.completions.create(stream=True, **asked))
        words = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
        usages = [chunk.usage.model_dump() for chunk in chunks if chunk.usage]
        without_choices = sum(not chunk.choices for chunk in chunks)
        return {"content": "".join(words), "usages": usages, "without_choices": without_choices}

    def async_stream(self) -> dict[str, Any]:
        """A streamed answer with the asynchronous client, which reads to the end of the body."""

        async def run() -> str:
            async with openai.AsyncOpenAI(base_url=self.base_url, api_key=self.key) as client:
                asked: Any = {"model": self.model, "messages": self.messages(), "max_tokens": 16}
                stream = await client.chat.completions.create(stream=True, **asked)
                return "".join([choice.delta.content or "" async for chunk in stream for choice in chunk.choices])

        return {"content": asyncio.run(run())}

    def completions(self) -> dict[str, Any]:
        """The old completions, plain and streamed."""
        asked: Any = {"model": self.model, "prompt": TEXT, "max_tokens": 16}
        answer = self.client().completions.create(**asked)
        streamed = [
            choice.text for chunk in self.client().completions.create(stream=True, **asked) for choice in chunk.choices
        ]
        return {"text": answer.choices[0].text, "streamed": "".join(streamed)}

    def embeddings(self) -> dict[str, Any]:
        """Embeddings as the SDK asks by itself (base64) and as plain numbers."""
        by_itself = self.client().embeddings.create(model=self.model, input=[TEXT, "another"])
        numbers = self.client().embeddings.create(model=self.model, input=[TEXT, "another"], encoding_format="float")
        return {
            "base64": [each.embedding for each in by_itself.data],
            "float": [each.embedding for each in numbers.data],
            "usage": by_itself.usage.model_dump(),
        }

    def models(self) -> dict[str, Any]:
        """The list of models, and one of them."""
        listed = [model.id for model in self.client().models.list()]
        return {"listed": listed, "retrieved": self.client().models.retrieve(self.model).id}

    # What goes wrong.

    def wrong_key(self) -> Any:
        """A key that is none."""
        return self.client("sk-wrong").chat.completions.create(model=self.model, messages=self.messages())

    def unknown_model(self) -> Any:
        """A model that is not there."""
        return self.client().chat.completions.create(model="no-such-model", messages=self.messages())

    def unknown_model_shown(self) -> Any:
        """The same, retrieved."""
        return self.client().models.retrieve("no-such-model")

    def bad_request(self) -> Any:
        """A field of the wrong type."""
        wrong: Any = {"max_tokens": "nine"}
        return self.client().chat.completions.create(model=self.model, messages=self.messages(), extra_body=wrong)

    def budget_spent(self, key: str) -> Any:
        """A key whose budget holds nothing any more."""
        return self.client(key).chat.completions.create(model=self.model, messages=self.messages(), max_tokens=16)

    def rate_limited(self, key: str) -> Any:
        """A key over its rate; the SDK is told not to try again by itself."""
        client = self.client(key, max_retries=0)
        for _ in range(50):
            client.chat.completions.create(model=self.model, messages=self.messages(), max_tokens=1)
        return None

    def timed_out(self, model: str) -> Any:
        """A model that is slower than the client's patience."""
        client = self.client(timeout=0.3, max_retries=0)
        return client.chat.completions.create(model=model, messages=self.messages())

    def upstream_failed(self, model: str) -> Any:
        """A model whose provider fails."""
        return self.client(max_retries=0).chat.completions.create(model=model, messages=self.messages())

    def stream_broken(self, model: str) -> Any:
        """A model whose stream breaks off."""
        return list(
            self.client(max_retries=0).chat.completions.create(model=model, messages=self.messages(), stream=True)
        )

    def tried(self, action: Callable[[], Any]) -> Any:
        """What *action* gave, or the error that it ended with."""
        self.requests = 0
        try:
            result = action()
        except openai.APIError as error:
            return {
                "error": type(error).__name__,
                "status": getattr(error, "status_code", None),
                "code": error.code,
                "type": error.type,
                "message": error.message,
                "requests": self.requests,
            }
        return result if isinstance(result, dict) else {"unexpected": repr(result)}


def main() -> None:
    """Try all that the options make possible."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--base-url", "--key", "--model"):
        parser.add_argument(option, required=True)
    for option in ("--spent-key", "--limited-key", "--slow-model", "--failing-model", "--breaking-model"):
        parser.add_argument(option)
    options = parser.parse_args()
    driver = Driver(options.base_url, options.key, options.model)
    actions: list[Callable[[], Any]] = [
        driver.chat,
        driver.chat_raw,
        driver.stream,
        driver.stream_with_usage,
        driver.async_stream,
        driver.completions,
        driver.embeddings,
        driver.models,
        driver.wrong_key,
        driver.unknown_model,
        driver.unknown_model_shown,
        driver.bad_request,
    ]
    results = {action.__name__: driver.tried(action) for action in actions}
    needing = (
        (driver.budget_spent, options.spent_key),
        (driver.rate_limited, options.limited_key),
        (driver.timed_out, options.slow_model),
        (driver.upstream_failed, options.failing_model),
        (driver.stream_broken, options.breaking_model),
    )
    for action, value in needing:
        if value is not None:
            results[action.__name__] = driver.tried(lambda action=action, value=value: action(value))  # type: ignore[misc]
    results["version"] = openai.__version__
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
