"""LangChain: ``langchain_chat.py '<Setup>' openai`` for langchain-openai, ``anthropic`` for langchain-anthropic."""

import importlib.metadata
import sys
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pydantic
from harness import (
    BREAK,
    CALL,
    CALLS,
    CITY,
    FAILURES,
    HELLO,
    JSON,
    LOOK,
    SAY,
    SEEN,
    WEATHER,
    Setup,
    expect,
    picture_url,
    raises,
    run,
    within,
)
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

KIND = sys.argv[2]
ERRORS: Any = openai if KIND == "openai" else anthropic


class City(pydantic.BaseModel):
    """A city."""

    name: str
    celsius: int
    tags: list[str]


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return WEATHER[city]


class Chat:
    """One model, by LangChain."""

    def __init__(self, setup: Setup, model: str) -> None:
        self.setup, self.name = setup, model
        self.model = self._chat(setup.key)

    def _chat(self, key: str, **options: Any) -> Any:
        asked = {"model": self.name, "api_key": key, "max_retries": 0, "timeout": 30, **options}
        if KIND == "openai":
            return ChatOpenAI(base_url=f"{self.setup.url}/v1", **asked)
        return ChatAnthropic(base_url=self.setup.url, max_tokens=2048, **asked)

    def chat(self) -> None:
        """A plain answer, and what it used."""
        answer = self.model.invoke([SystemMessage("Be brief."), HumanMessage(SAY)])
        expect(answer.text, HELLO)
        assert answer.usage_metadata["input_tokens"] > 0 < answer.usage_metadata["output_tokens"], answer

    def stream(self) -> None:
        """The words in pieces, and what they used."""
        chunks = list(self.model.stream(SAY))
        whole: Any = chunks[0]
        for chunk in chunks[1:]:
            whole += chunk
        expect(whole.text, HELLO)
        assert len(chunks) > 2, chunks
        usage = list(self._chat(self.setup.key, stream_usage=True).stream(SAY))
        assert any(chunk.usage_metadata for chunk in usage), usage

    def tools(self) -> None:
        """A call, its result, the answer; then two calls at once, in a stream."""
        self._loop(CALL, ["Oslo"], stream=False)
        self._loop(CALLS, ["Oslo", "Rome"], stream=True)

    def _loop(self, text: str, cities: list[str], *, stream: bool) -> None:
        model = self.model.bind_tools([weather])
        messages: list[Any] = [HumanMessage(text)]
        if stream:
            chunks = list(model.stream(messages))
            answer = chunks[0]
            for chunk in chunks[1:]:
                answer += chunk
        else:
            answer = model.invoke(messages)
        expect([call["args"]["city"] for call in answer.tool_calls], cities, "calls")
        results = [ToolMessage(WEATHER[call["args"]["city"]], tool_call_id=call["id"]) for call in answer.tool_calls]
        said = model.invoke([*messages, answer, *results])
        for city in cities:
            within(WEATHER[city], said.text)

    def structured(self) -> None:
        """By a pydantic model, as it does by itself; and by a call of a function."""
        expect(self.model.with_structured_output(City).invoke(JSON), City(**CITY))
        by_call = self.model.with_structured_output(City, method="function_calling")
        expect(by_call.invoke(JSON), City(**CITY), "function calling")
        by_schema = self.model.with_structured_output(City, method="json_schema")
        expect(by_schema.invoke(JSON), City(**CITY), "JSON Schema")

    def images(self) -> None:
        """A picture in a data URL."""
        parts: Any = [
            {"type": "text", "text": LOOK},
            {"type": "image_url", "image_url": {"url": picture_url()}},
        ]
        expect(self.model.invoke([HumanMessage(parts)]).text, SEEN)

    def errors(self) -> None:
        """Each error as its own class; a stream that breaks; a Budget that is spent."""
        failing = self._chat(self.setup.key, model=self.setup.failing(self.name))
        raises(ERRORS.BadRequestError, lambda: failing.invoke(FAILURES["bad request"]))
        raises(ERRORS.APIError, lambda: list(failing.stream(BREAK)))
        raises(ERRORS.AuthenticationError, lambda: self._chat("sk-wrong").invoke(SAY))
        if self.setup.spent_key:
            spent = self._chat(self.setup.spent_key)
            within("Budget", raises(ERRORS.RateLimitError, lambda: spent.invoke(SAY)), "spent budget")
        raises(ERRORS.RateLimitError, lambda: failing.invoke(FAILURES["rate limited"]))


def scenarios(setup: Setup, model: str) -> dict[str, Callable[[], object]]:
    """By name."""
    it = Chat(setup, model)
    return {each.__name__: each for each in (it.chat, it.stream, it.tools, it.structured, it.images, it.errors)}


if __name__ == "__main__":
    run(scenarios, importlib.metadata.version(f"langchain-{KIND}"))
