"""The OpenAI SDK, responses.  See harness.py."""

import asyncio
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
    {"type": "function", "name": "weather", "description": "The weather", "parameters": PARAMETERS, "strict": False}
]


class City(pydantic.BaseModel):
    """What structured output is parsed into."""

    name: str
    celsius: int
    tags: list[str]


class Responses:
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

    def ask(self, given: Any, **options: Any) -> Any:
        """A plain answer to *given*."""
        asked: Any = {"model": self.model, "input": given, "store": False, **options}
        return self.client.responses.create(**asked)

    def chat(self) -> None:
        """A plain answer, and what it used; asynchronously too."""
        answer = self.ask(SAY, instructions="Be brief.", temperature=0.5, max_output_tokens=200)
        expect((answer.status, answer.output_text), ("completed", HELLO))
        assert answer.usage.input_tokens > 0 < answer.usage.output_tokens, answer.usage
        cut = self.ask(LONG, max_output_tokens=CEILING)
        expect((cut.status, cut.incomplete_details.reason), ("incomplete", "max_output_tokens"))
        expect(asyncio.run(self._later()), HELLO)

    async def _later(self) -> str:
        async with openai.AsyncOpenAI(base_url=f"{self.setup.url}/v1", api_key=self.setup.key) as client:
            answer = await client.responses.create(model=self.model, input=SAY, store=False)
            return answer.output_text

    def settings(self) -> str:
        """Everything that can be set and changes an answer; what the gateway left out of it."""
        raw = self.client.responses.with_raw_response.create(
            model=self.model,
            input=SAY,
            store=False,
            max_output_tokens=200,
            temperature=0.5,
            top_p=0.9,
            top_logprobs=2,
            include=["message.output_text.logprobs"],
            text={"verbosity": "low"},
            truncation="auto",
            max_tool_calls=3,
            safety_identifier="ann",
        )
        expect(raw.parse().output_text, HELLO)
        return raw.headers.get("x-sluice-dropped", "")

    def stream(self) -> None:
        """The words in pieces, the whole response at the end."""
        with self.client.responses.stream(model=self.model, input=SAY, store=False) as events:
            said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
            final = events.get_final_response()
        expect((said, final.output_text), (HELLO, HELLO))
        assert final.usage is not None
        assert final.usage.output_tokens > 0, final.usage

    def tools(self) -> None:
        """A call, its result, the answer; two calls at once; in a stream; forced."""
        self._loop(CALL, ["Oslo"], stream=False)
        self._loop(CALLS, ["Oslo", "Rome"], stream=False)
        self._loop(CALLS, ["Oslo", "Rome"], stream=True)
        self._loop(CALL, ["Oslo"], stream=False, tool_choice={"type": "function", "name": "weather"})

    def thinking(self) -> str:
        """Thoughts are shown, and go back encrypted; whether the provider knows them for its own."""
        text = f"#do think {THOUGHT}\n{CALL}"
        options: Any = {"reasoning": {"effort": "low", "summary": "auto"}}
        plain = self._loop(text, ["Oslo"], stream=False, thought=True, **options)
        streamed = self._loop(text, ["Oslo"], stream=True, thought=True, **options)
        return "shown, signed" if "(signed)" in plain and "(signed)" in streamed else "shown, unsigned"

    def _loop(self, text: str, cities: list[str], *, stream: bool, thought: bool = False, **options: Any) -> str:
        given: list[Any] = [{"role": "user", "content": text}]
        options |= {"tools": TOOLS, "store": False, "include": ["reasoning.encrypted_content"]}
        if stream:
            with self.client.responses.stream(model=self.model, input=given, **options) as events:
                response: Any = events.get_final_response()
        else:
            response = self.client.responses.create(model=self.model, input=given, **options)
        if thought:
            expect(response.output[0].summary[0].text, THOUGHT, "thought")
        calls = [item for item in response.output if item.type == "function_call"]
        expect([json.loads(call.arguments)["city"] for call in calls], cities, "calls")
        given += response.output
        given += [
            {"type": "function_call_output", "call_id": call.call_id, "output": WEATHER[city]}
            for call, city in zip(calls, cities, strict=True)
        ]
        answer = self.ask(given, tools=TOOLS)
        for city in cities:
            within(WEATHER[city], answer.output_text)
        return str(answer.output_text)

    def structured(self) -> None:
        """By a pydantic model, and in a stream."""
        parsed = self.client.responses.parse(model=self.model, input=JSON, text_format=City, store=False)
        expect(parsed.output_parsed, City(**CITY))
        with self.client.responses.stream(model=self.model, input=JSON, text_format=City, store=False) as events:
            expect(events.get_final_response().output_parsed, City(**CITY), "stream")

    def images(self) -> None:
        """A picture in a data URL."""
        parts = [{"type": "input_text", "text": LOOK}, {"type": "input_image", "image_url": picture_url()}]
        expect(self.ask([{"role": "user", "content": parts}]).output_text, SEEN)

    def errors(self) -> None:
        """Each error as its own class; a stream that breaks; a Budget that is spent costs one request."""
        model = self.setup.failing(self.model)
        raises(openai.BadRequestError, lambda: self.ask(FAILURES["bad request"], model=model))
        self._break(model)
        wrong = self.client.with_options(api_key="sk-wrong").responses
        raises(openai.AuthenticationError, lambda: wrong.create(model=self.model, input=SAY))
        if self.setup.spent_key:
            spent = self.client.with_options(api_key=self.setup.spent_key, max_retries=2).responses
            self.requests = 0
            error = raises(openai.RateLimitError, lambda: spent.create(model=self.model, input=SAY))
            expect((error.code, self.requests), ("insufficient_quota", 1), "spent budget")
        limited = raises(openai.RateLimitError, lambda: self.ask(FAILURES["rate limited"], model=model))
        expect(limited.response.headers.get("retry-after"), "1", "retry-after")

    def _break(self, model: str) -> None:
        """The stream's last event says that it failed; the SDK passes it on, or raises."""
        try:
            last = list(self.ask(BREAK, stream=True, model=model))[-1].type
        except openai.APIError:
            return
        assert last in ("error", "response.failed"), last


def scenarios(setup: Setup, model: str) -> dict[str, Callable[[], object]]:
    """By name."""
    it = Responses(setup, model)
    return {
        each.__name__: each
        for each in (it.chat, it.settings, it.stream, it.tools, it.thinking, it.structured, it.images, it.errors)
    }


if __name__ == "__main__":
    run(scenarios, openai.__version__)
