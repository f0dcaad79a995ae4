"""The OpenAI SDK, chat completions.  See harness.py."""

import asyncio
import functools
import json
from collections.abc import Callable
from typing import Any

import openai
import pydantic
from harness import (
    BREAK,
    CALL,
    CALLS,
    CEILING,
    CITY,
    FAILURES,
    HELLO,
    JSON,
    LONG,
    LOOK,
    PARAMETERS,
    SAY,
    SEEN,
    THOUGHT,
    WEATHER,
    Setup,
    expect,
    picture_url,
    raises,
    run,
    within,
)

TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": PARAMETERS}}
]


class City(pydantic.BaseModel):
    """What structured output is parsed into."""

    name: str
    celsius: int
    tags: list[str]


class Chat:
    """One model, by this SDK."""

    def __init__(self, setup: Setup, model: str) -> None:
        self.setup, self.model = setup, model
        self.requests = 0
        counting = openai.DefaultHttpxClient(event_hooks={"request": [self._count]}, trust_env=False)
        self.client = openai.OpenAI(
            base_url=f"{setup.url}/v1", api_key=setup.key, max_retries=0, timeout=30, http_client=counting
        )

    def _count(self, _request: object) -> None:
        self.requests += 1

    def ask(self, text: str, **options: Any) -> Any:
        """A plain answer to *text*."""
        turn: Any = {"role": "user", "content": text}
        system: Any = {"role": "system", "content": "Be brief."}
        asked: Any = {"model": self.model, "messages": [system, turn], **options}
        return self.client.chat.completions.create(**asked)

    def chat(self) -> None:
        """A plain answer, and what it used; asynchronously too."""
        answer = self.ask(SAY, temperature=0.5, max_tokens=200)
        expect(answer.choices[0].message.content, HELLO)
        expect(answer.choices[0].finish_reason, "stop")
        assert answer.usage.prompt_tokens > 0 < answer.usage.completion_tokens, answer.usage
        cut = self.ask(LONG, max_tokens=CEILING)
        expect(cut.choices[0].finish_reason, "length")
        expect(asyncio.run(self._later()), HELLO)

    async def _later(self) -> str | None:
        async with openai.AsyncOpenAI(base_url=f"{self.setup.url}/v1", api_key=self.setup.key) as client:
            turn: Any = {"role": "user", "content": SAY}
            answer = await client.chat.completions.create(model=self.model, messages=[turn])
            return answer.choices[0].message.content

    def settings(self) -> str:
        """Everything that can be set and changes an answer; what the gateway left out of it."""
        turn: Any = {"role": "user", "content": SAY}
        raw = self.client.chat.completions.with_raw_response.create(
            model=self.model,
            messages=[turn],
            max_completion_tokens=200,
            temperature=0.5,
            top_p=0.9,
            seed=7,
            stop=["never said"],
            presence_penalty=0.1,
            frequency_penalty=0.1,
            logit_bias={"50256": -100},
            logprobs=True,
            top_logprobs=2,
            verbosity="low",
            user="ann",
        )
        expect(raw.parse().choices[0].message.content, HELLO)
        return raw.headers.get("x-sluice-dropped", "")

    def stream(self) -> None:
        """The words in pieces; usage where it is asked for, and only there."""
        chunks = list(self.ask(SAY, stream=True))
        expect("".join(c.delta.content or "" for chunk in chunks for c in chunk.choices), HELLO)
        expect([chunk.usage for chunk in chunks if chunk.usage], [], "usage unasked")
        chunks = list(self.ask(SAY, stream=True, stream_options={"include_usage": True}))
        expect(chunks[-1].choices, [], "choices beside usage")
        assert chunks[-1].usage.completion_tokens > 0, chunks[-1]

    def tools(self) -> None:
        """A call, its result, the answer; then two calls at once; then in a stream; then a forced one."""
        self._loop(CALL, ["Oslo"], stream=False)
        self._loop(CALLS, ["Oslo", "Rome"], stream=False)
        self._loop(CALLS, ["Oslo", "Rome"], stream=True)
        forced: Any = {"type": "function", "function": {"name": "weather"}}
        self._loop(CALL, ["Oslo"], stream=False, tool_choice=forced)

    def thinking(self) -> str:
        """Thoughts may be shown, as DeepSeek shows them, and go back; whether the provider knows them for its own."""
        text = f"#do think {THOUGHT}\n{CALL}"
        said, thought = self._loop(text, ["Oslo"], stream=False, reasoning_effort="low")
        shown = "shown" if thought == THOUGHT else "hidden"
        return f"{shown}, {'signed' if '(signed)' in said else 'unsigned'}"

    def _loop(self, text: str, cities: list[str], *, stream: bool, **options: Any) -> tuple[str, str]:
        """What is said at the end, and the thought that was shown."""
        messages: list[Any] = [{"role": "user", "content": text}]
        ask = functools.partial(self.client.chat.completions.create, model=self.model, tools=TOOLS)
        if stream:
            with self.client.chat.completions.stream(model=self.model, messages=messages, tools=TOOLS) as events:
                completion: Any = events.get_final_completion()
        else:
            completion = ask(messages=messages, **options)
        message = completion.choices[0].message
        expect(completion.choices[0].finish_reason, "tool_calls")
        thought = getattr(message, "reasoning_content", None) or ""
        calls = message.tool_calls
        expect([json.loads(call.function.arguments)["city"] for call in calls], cities, "calls")
        if stream:  # what the SDK adds to it (index, parsed arguments) is not of the API
            told = [
                call.model_dump(include={"id": True, "type": True, "function": {"name", "arguments"}}) for call in calls
            ]
            message = {"role": "assistant", "content": message.content, "tool_calls": told}
        results = [
            {"role": "tool", "tool_call_id": c.id, "content": WEATHER[city]}
            for c, city in zip(calls, cities, strict=True)
        ]
        answer = ask(messages=[*messages, message, *results])
        for city in cities:
            within(WEATHER[city], answer.choices[0].message.content)
        return str(answer.choices[0].message.content), thought

    def structured(self) -> None:
        """By a pydantic model, and in a stream; then any JSON."""
        turn: Any = [{"role": "user", "content": JSON}]
        parsed = self.client.chat.completions.parse(model=self.model, messages=turn, response_format=City)
        expect(parsed.choices[0].message.parsed, City(**CITY))
        with self.client.chat.completions.stream(model=self.model, messages=turn, response_format=City) as events:
            expect(events.get_final_completion().choices[0].message.parsed, City(**CITY), "stream")

    def images(self) -> None:
        """A picture in a data URL."""
        parts: Any = [
            {"type": "text", "text": LOOK},
            {"type": "image_url", "image_url": {"url": picture_url()}},
        ]
        answer = self.client.chat.completions.create(model=self.model, messages=[{"role": "user", "content": parts}])
        expect(answer.choices[0].message.content, SEEN)

    def errors(self) -> None:
        """Each error as its own class; a stream that breaks; a Budget that is spent costs one request."""
        model = self.setup.failing(self.model)
        raises(openai.BadRequestError, lambda: self.ask(FAILURES["bad request"], model=model))
        broken = raises(openai.APIError, lambda: list(self.ask(BREAK, stream=True, model=model)))
        assert broken.message, broken
        wrong = self.client.with_options(api_key="sk-wrong").chat.completions
        turn: Any = [{"role": "user", "content": SAY}]
        raises(openai.AuthenticationError, lambda: wrong.create(model=self.model, messages=turn))
        if self.setup.spent_key:
            spent = self.client.with_options(api_key=self.setup.spent_key, max_retries=2).chat.completions
            self.requests = 0
            error = raises(openai.RateLimitError, lambda: spent.create(model=self.model, messages=turn))
            expect((error.code, self.requests), ("insufficient_quota", 1), "spent budget")
        limited = raises(openai.RateLimitError, lambda: self.ask(FAILURES["rate limited"], model=model))
        expect(limited.response.headers.get("retry-after"), "1", "retry-after")


def scenarios(setup: Setup, model: str) -> dict[str, Callable[[], object]]:
    """By name."""
    it = Chat(setup, model)
    return {
        each.__name__: each
        for each in (it.chat, it.settings, it.stream, it.tools, it.thinking, it.structured, it.images, it.errors)
    }


if __name__ == "__main__":
    run(scenarios, openai.__version__)
