"""The Anthropic SDK.  See harness.py."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import anthropic
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
    picture,
    raises,
    run,
    within,
)

TOOLS: list[Any] = [{"name": "weather", "description": "The weather", "input_schema": PARAMETERS}]


class City(pydantic.BaseModel):
    """What structured output is parsed into."""

    name: str
    celsius: int
    tags: list[str]


class Messages:
    """One model, by this SDK."""

    def __init__(self, setup: Setup, model: str) -> None:
        self.setup, self.model = setup, model
        self.requests = 0
        counting = anthropic.DefaultHttpxClient(event_hooks={"request": [self._count]}, trust_env=False)
        self.client = anthropic.Anthropic(
            base_url=setup.url, api_key=setup.key, max_retries=0, timeout=30, http_client=counting
        )

    def _count(self, _request: object) -> None:
        self.requests += 1

    def ask(self, text: str, **options: Any) -> Any:
        """A plain answer to *text*."""
        turns: list[Any] = [{"role": "user", "content": text}]
        asked: dict[str, Any] = {"model": self.model, "max_tokens": 4096, "messages": turns, **options}
        return self.client.messages.create(**asked)

    def chat(self) -> None:
        """A plain answer, and what it used; asynchronously too."""
        answer = self.ask(SAY, system="Be brief.")
        expect((answer.content[0].text, answer.stop_reason), (HELLO, "end_turn"))
        assert answer.usage.input_tokens > 0 < answer.usage.output_tokens, answer.usage
        expect(self.ask(LONG, max_tokens=CEILING).stop_reason, "max_tokens")
        expect(asyncio.run(self._later()), HELLO)

    async def _later(self) -> str:
        async with anthropic.AsyncAnthropic(base_url=self.setup.url, api_key=self.setup.key) as client:
            turns: list[Any] = [{"role": "user", "content": SAY}]
            answer: Any = await client.messages.create(model=self.model, max_tokens=99, messages=turns)
            return str(answer.content[0].text)

    def settings(self) -> str:
        """Everything that can be set and changes an answer; what the gateway left out of it."""
        turns: list[Any] = [{"role": "user", "content": SAY}]
        asked: dict[str, Any] = {"stop_sequences": ["never said"], "metadata": {"user_id": "ann"}}
        if self.client.default_headers["anthropic-version"] == "2023-06-01":  # later ones have no sampling
            asked["extra_body"] = {"temperature": 0.5, "top_k": 40}
        raw: Any = self.client.messages.with_raw_response.create(
            model=self.model, max_tokens=200, messages=turns, **asked
        )
        expect(raw.parse().content[0].text, HELLO)
        return str(raw.headers.get("x-sluice-dropped", ""))

    def stream(self) -> None:
        """The words in pieces, the whole message at the end."""
        turns: list[Any] = [{"role": "user", "content": SAY}]
        with self.client.messages.stream(model=self.model, max_tokens=99, messages=turns) as stream:
            said = "".join(stream.text_stream)
            final = stream.get_final_message()
        expect((said, final.stop_reason), (HELLO, "end_turn"))
        assert final.usage.input_tokens > 0 < final.usage.output_tokens, final.usage

    def tools(self) -> None:
        """A call, its result, the answer; two calls at once; in a stream; forced."""
        self._loop(CALL, ["Oslo"])
        self._loop(CALLS, ["Oslo", "Rome"])
        self._loop(CALLS, ["Oslo", "Rome"], stream=True)
        self._loop(CALL, ["Oslo"], tool_choice={"type": "tool", "name": "weather"})

    def thinking(self) -> str:
        """Thoughts are shown, and go back with the result of a tool; whether the provider knows them for its own."""
        config = {"type": "enabled", "budget_tokens": 1024}
        text = f"#do think {THOUGHT}\n{CALL}"
        plain = self._loop(text, ["Oslo"], thinking=config, thought=True)
        streamed = self._loop(text, ["Oslo"], thinking=config, thought=True, stream=True)
        return "shown, signed" if "(signed)" in plain and "(signed)" in streamed else "shown, unsigned"

    def _loop(self, text: str, cities: list[str], *, stream: bool = False, thought: bool = False, **more: Any) -> str:
        turns: list[Any] = [{"role": "user", "content": text}]
        asked: Any = {"model": self.model, "max_tokens": 4096, "tools": TOOLS}
        if stream:
            with self.client.messages.stream(messages=turns, **asked, **more) as events:
                message: Any = events.get_final_message()
        else:
            message = self.client.messages.create(messages=turns, **asked, **more)
        expect(message.stop_reason, "tool_use")
        calls = [block for block in message.content if block.type == "tool_use"]
        expect([call.input["city"] for call in calls], cities, "calls")
        if thought:
            expect(message.content[0].type, "thinking", "first block")
            expect(message.content[0].thinking, THOUGHT, "thought")
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": WEATHER[city]}
            for call, city in zip(calls, cities, strict=True)
        ]
        turns += [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
        more.pop("tool_choice", None)
        answer: Any = self.client.messages.create(messages=turns, **asked, **more)
        for city in cities:
            within(WEATHER[city], answer.content[-1].text)
        return str(answer.content[-1].text)

    def structured(self) -> None:
        """By a pydantic model."""
        turns: list[Any] = [{"role": "user", "content": JSON}]
        parsed: Any = self.client.messages.parse(model=self.model, max_tokens=999, messages=turns, output_format=City)
        expect(parsed.parsed_output, City(**CITY))

    def images(self) -> None:
        """A picture in base64."""
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(picture()).decode()}
        parts: Any = [{"type": "image", "source": source}, {"type": "text", "text": LOOK}]
        answer: Any = self.client.messages.create(
            model=self.model, max_tokens=99, messages=[{"role": "user", "content": parts}]
        )
        expect(answer.content[0].text, SEEN)

    def count_tokens(self) -> None:
        """How many tokens a request has."""
        turns: list[Any] = [{"role": "user", "content": SAY}]
        counted = self.client.messages.count_tokens(model=self.model, messages=turns)
        assert counted.input_tokens > 0, counted

    def errors(self) -> None:
        """Each error as its own class; a stream that breaks; a Budget that is spent costs one request."""
        model = self.setup.failing(self.model)
        raises(anthropic.BadRequestError, lambda: self.ask(FAILURES["bad request"], model=model))
        broken = raises(anthropic.APIError, lambda: list(self.ask(BREAK, stream=True, model=model)))
        assert broken.message, broken
        turns: list[Any] = [{"role": "user", "content": SAY}]
        wrong = self.client.with_options(api_key="sk-wrong").messages
        asked: Any = {"model": self.model, "max_tokens": 99, "messages": turns}
        raises(anthropic.AuthenticationError, lambda: wrong.create(**asked))
        if self.setup.spent_key:
            spent = self.client.with_options(api_key=self.setup.spent_key, max_retries=2).messages
            self.requests = 0
            error = raises(anthropic.RateLimitError, lambda: spent.create(**asked))
            within("insufficient_quota", error.body, "spent budget")
            expect(self.requests, 1, "requests on a spent budget")
        limited = raises(anthropic.RateLimitError, lambda: self.ask(FAILURES["rate limited"], model=model))
        expect(limited.response.headers.get("retry-after"), "1", "retry-after")

    def models(self) -> None:
        """The list, in Anthropic's shape."""
        listed = list(self.client.models.list())
        assert listed, "no model"
        assert all(each.type == "model" and each.display_name for each in listed), listed


def scenarios(setup: Setup, model: str) -> dict[str, Callable[[], object]]:
    """By name."""
    it = Messages(setup, model)
    tried = (
        it.chat,
        it.settings,
        it.stream,
        it.tools,
        it.thinking,
        it.structured,
        it.images,
        it.count_tokens,
        it.errors,
        it.models,
    )
    return {each.__name__: each for each in tried}


if __name__ == "__main__":
    run(scenarios, anthropic.__version__)
