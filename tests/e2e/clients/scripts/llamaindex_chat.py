"""LlamaIndex's OpenAILike.  See harness.py."""

import importlib.metadata
from collections.abc import Callable
from typing import Any

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
    picture,
    raises,
    run,
    within,
)
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike


class City(pydantic.BaseModel):
    """A city."""

    name: str
    celsius: int
    tags: list[str]


def weather(city: str) -> str:
    """The weather in a city."""
    return WEATHER[city]


class Chat:
    """One model, by LlamaIndex, which sends temperature 0.1 by itself."""

    def __init__(self, setup: Setup, model: str) -> None:
        self.setup, self.name = setup, model
        self.llm = self._llm(setup.key)

    def _llm(self, key: str, model: str = "") -> Any:
        return OpenAILike(
            model=model or self.name,
            api_base=f"{self.setup.url}/v1",
            api_key=key,
            is_chat_model=True,
            is_function_calling_model=True,
            max_retries=0,
            timeout=30,
        )

    def chat(self) -> None:
        """A plain answer."""
        said = self.llm.chat([ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content=SAY)])
        expect(said.message.content, HELLO)
        expect(str(self.llm.complete(SAY)), HELLO, "complete")

    def stream(self) -> None:
        """The words in pieces."""
        chunks = list(self.llm.stream_chat([ChatMessage(role="user", content=SAY)]))
        expect("".join(chunk.delta or "" for chunk in chunks), HELLO)

    def tools(self) -> None:
        """A call, its result, the answer; two calls at once."""
        self._loop(CALL, ["Oslo"])
        self._loop(CALLS, ["Oslo", "Rome"])

    def _loop(self, text: str, cities: list[str]) -> None:
        tools = [FunctionTool.from_defaults(weather)]
        asked = ChatMessage(role="user", content=text)
        answer = self.llm.chat_with_tools(tools, chat_history=[asked], allow_parallel_tool_calls=True)
        calls = self.llm.get_tool_calls_from_response(answer)
        expect([call.tool_kwargs["city"] for call in calls], cities, "calls")
        results = [
            ChatMessage(
                role="tool", content=WEATHER[call.tool_kwargs["city"]], additional_kwargs={"tool_call_id": call.tool_id}
            )
            for call in calls
        ]
        said = self.llm.chat_with_tools(tools, chat_history=[asked, answer.message, *results])
        for city in cities:
            within(WEATHER[city], said.message.content)

    def structured(self) -> None:
        """By a pydantic model."""
        found = self.llm.as_structured_llm(City).chat([ChatMessage(role="user", content=JSON)])
        expect(found.raw, City(**CITY))

    def images(self) -> None:
        """A picture."""
        blocks = [TextBlock(text=LOOK), ImageBlock(image=picture(), image_mimetype="image/png")]
        expect(self.llm.chat([ChatMessage(role="user", blocks=blocks)]).message.content, SEEN)

    def errors(self) -> None:
        """Each error as its own class; a stream that breaks; a Budget that is spent."""
        failing = self._llm(self.setup.key, self.setup.failing(self.name))
        raises(openai.BadRequestError, lambda: failing.complete(FAILURES["bad request"]))
        raises(openai.APIError, lambda: list(failing.stream_complete(BREAK)))
        raises(openai.AuthenticationError, lambda: self._llm("sk-wrong").complete(SAY))
        if self.setup.spent_key:
            spent = self._llm(self.setup.spent_key)
            within("Budget", raises(openai.RateLimitError, lambda: spent.complete(SAY)), "spent budget")
        raises(openai.RateLimitError, lambda: failing.complete(FAILURES["rate limited"]))


def scenarios(setup: Setup, model: str) -> dict[str, Callable[[], object]]:
    """By name."""
    it = Chat(setup, model)
    return {each.__name__: each for each in (it.chat, it.stream, it.tools, it.structured, it.images, it.errors)}


if __name__ == "__main__":
    run(scenarios, importlib.metadata.version("llama-index-llms-openai-like"))
