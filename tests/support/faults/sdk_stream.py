"""One stream read by a real SDK: what it gave, and what it made of the error.  Run by the environment that has the SDK.

``python sdk_stream.py KIND BASE_URL KEY MODEL TEXT`` prints ``{"text": …, "events": […], "raised": …}``: all it read
although it may have seen an error as an event, and the error that it raised, if it did.
"""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

Read = Iterator[tuple[str, str]]  # kind of event, text


def chat(url: str, key: str, model: str, text: str) -> Read:
    """OpenAI's, chat completions."""
    import openai  # noqa: PLC0415  each environment has one SDK

    client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
    for each in client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], stream=True):
        yield each.object, "".join(choice.delta.content or "" for choice in each.choices)


def responses(url: str, key: str, model: str, text: str) -> Read:
    """OpenAI's, responses."""
    import openai  # noqa: PLC0415  each environment has one SDK

    client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
    for each in client.responses.create(model=model, input=text, stream=True):
        yield each.type, each.delta if each.type == "response.output_text.delta" else ""


def messages(url: str, key: str, model: str, text: str) -> Read:
    """Anthropic's."""
    import anthropic  # noqa: PLC0415  as above

    client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
    turns = [{"role": "user", "content": text}]
    for each in client.messages.create(model=model, max_tokens=100, messages=turns, stream=True):
        yield each.type, getattr(each.delta, "text", "") if each.type == "content_block_delta" else ""


def gemini(url: str, key: str, model: str, text: str) -> Read:
    """Google's."""
    from google import genai  # noqa: PLC0415  as above

    client = genai.Client(api_key=key, http_options={"base_url": url})
    for each in client.models.generate_content_stream(model=model, contents=text):
        yield "chunk", each.text or ""


KINDS: dict[str, Callable[[str, str, str, str], Read]] = {
    "chat": chat,
    "responses": responses,
    "messages": messages,
    "gemini": gemini,
}


def main(kind: str, *where: str) -> None:
    """Read all there is."""
    told: dict[str, Any] = {"text": "", "events": [], "raised": ""}
    try:
        for event, text in KINDS[kind](*where):
            told["events"].append(event)
            told["text"] += text
    except Exception as error:  # noqa: BLE001  whatever the SDK raises is what is looked at
        told["raised"] = f"{type(error).__name__}: {error}"
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
