"""Asks models by every front, each with the SDK that is made for it, and prints what was said and what it used.

Runs in an environment that has ``openai``, ``anthropic`` and ``google-genai``, and nothing of ours::

    python sdk_every_wire.py --url http://127.0.0.1:4000 --key sk-… --model chat --model other

prints one JSON object: ``answers``, in the order they were asked for, and ``lists``, the models by each SDK.  A usage
is of all input (with what came from a cache), all output, and the input that came from a cache, whatever the API calls
them.  An error of an SDK ends the run.
"""

import argparse
import json
import sys
from typing import Any

import anthropic
import openai
from google import genai

CACHED = 64  # tokens that the scripted provider says it had in its cache


def words_of(front: str, model: str, how: str) -> str:
    """What the provider is told to say, so that each answer is another."""
    return f"Hello {front} from {model}, {how}"


class Chat:
    """OpenAI's chat completions."""

    def __init__(self, url: str, key: str) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)

    def plain(self, model: str, text: str) -> tuple[Any, Any]:
        """Words and usage."""
        answer = self.client.chat.completions.create(**self._asked(model, text))
        return answer.choices[0].message.content, self._used(answer.usage)

    def stream(self, model: str, text: str) -> tuple[Any, Any]:
        """Words and usage of a stream."""
        options = {"stream": True, "stream_options": {"include_usage": True}}
        chunks = list(self.client.chat.completions.create(**self._asked(model, text), **options))
        words = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
        (used,) = [chunk.usage for chunk in chunks if chunk.usage]
        return "".join(words), self._used(used)

    def _asked(self, model: str, text: str) -> dict[str, Any]:
        return {"model": model, "messages": [{"role": "user", "content": text}], "max_completion_tokens": 4096}

    def _used(self, usage: Any) -> list[int]:
        return [usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens]

    def listed(self) -> list[str]:
        """The models."""
        return [each.id for each in self.client.models.list()]


class Responses(Chat):
    """OpenAI's Responses."""

    def plain(self, model: str, text: str) -> tuple[Any, Any]:
        """Words and usage."""
        return self._told(self.client.responses.create(**self._asked(model, text)))

    def stream(self, model: str, text: str) -> tuple[Any, Any]:
        """Words and usage of a stream."""
        with self.client.responses.stream(**self._asked(model, text)) as events:
            words = "".join(event.delta for event in events if event.type == "response.output_text.delta")
            whole, used = self._told(events.get_final_response())
        return (words if words == whole else f"{words!r} is not {whole!r}"), used

    def _asked(self, model: str, text: str) -> dict[str, Any]:
        return {"model": model, "input": text, "max_output_tokens": 4096}

    def _told(self, answer: Any) -> tuple[Any, Any]:
        usage = answer.usage
        return answer.output_text, [usage.input_tokens, usage.output_tokens, usage.input_tokens_details.cached_tokens]


class Messages:
    """Anthropic's."""

    def __init__(self, url: str, key: str) -> None:
        self.client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)

    def plain(self, model: str, text: str) -> tuple[Any, Any]:
        """Words and usage."""
        return self._told(self.client.messages.create(**self._asked(model, text)))

    def stream(self, model: str, text: str) -> tuple[Any, Any]:
        """Words and usage of a stream."""
        with self.client.messages.stream(**self._asked(model, text)) as events:
            words = "".join(events.text_stream)
            whole, used = self._told(events.get_final_message())
        return (words if words == whole else f"{words!r} is not {whole!r}"), used

    def _asked(self, model: str, text: str) -> Any:
        return {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 4096}

    def _told(self, message: Any) -> tuple[Any, Any]:
        usage, cached = message.usage, message.usage.cache_read_input_tokens or 0
        written = usage.cache_creation_input_tokens or 0
        return message.content[0].text, [usage.input_tokens + cached + written, usage.output_tokens, cached]

    def listed(self) -> list[str]:
        """The models."""
        return [each.id for each in self.client.models.list()]


class Gemini:
    """Google's."""

    def __init__(self, url: str, key: str) -> None:
        self.client = genai.Client(api_key=key, http_options={"base_url": url})

    def plain(self, model: str, text: str) -> tuple[Any, Any]:
        """Words and usage."""
        answer = self.client.models.generate_content(model=model, contents=text)
        return answer.text, self._used(answer.usage_metadata)

    def stream(self, model: str, text: str) -> tuple[Any, Any]:
        """Words and usage of a stream."""
        chunks = list(self.client.models.generate_content_stream(model=model, contents=text))
        return "".join(chunk.text or "" for chunk in chunks), self._used(chunks[-1].usage_metadata)

    def _used(self, usage: Any) -> list[int]:
        output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
        return [usage.prompt_token_count, output, usage.cached_content_token_count or 0]

    def listed(self) -> list[str]:
        """The models."""
        return [str(each.name).removeprefix("models/") for each in self.client.models.list()]


FRONTS: dict[str, Any] = {"chat": Chat, "responses": Responses, "messages": Messages, "gemini": Gemini}


def main() -> None:
    """Ask everything of everybody."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--model", action="append", required=True)
    options = parser.parse_args()
    answers, lists = [], {}
    for front, kind in FRONTS.items():
        asking = kind(options.url, options.key)
        lists[front] = asking.listed()
        for model in options.model:
            for how in ("plain", "stream"):
                text = f"#do say {words_of(front, model, how)}\n#do usage cached={CACHED}"
                said, used = getattr(asking, how)(model, text)
                answers.append({"front": front, "model": model, "how": how, "said": said, "used": used})
    json.dump({"answers": answers, "lists": lists}, sys.stdout)


if __name__ == "__main__":
    main()
