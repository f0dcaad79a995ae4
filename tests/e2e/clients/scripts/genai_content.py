"""Google's Gen AI SDK.  See harness.py."""

import asyncio
from collections.abc import Callable
from typing import Any

import pydantic
from google import genai
from google.genai import errors, types
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

WEATHER_TOOL = types.FunctionDeclaration(name="weather", description="The weather", parameters_json_schema=PARAMETERS)


class City(pydantic.BaseModel):
    """What structured output is parsed into."""

    name: str
    celsius: int
    tags: list[str]


def weather(city: str) -> str:
    """The weather in a city."""
    return WEATHER[city]


class Content:
    """One model, by this SDK."""

    def __init__(self, setup: Setup, model: str) -> None:
        self.setup, self.model = setup, model
        self.client = self._client(setup.key)

    def _client(self, key: str) -> genai.Client:
        self.requests = 0
        options = types.HttpOptions(
            base_url=self.setup.url,
            timeout=30_000,
            retry_options=types.HttpRetryOptions(attempts=1),
            client_args={"trust_env": False, "event_hooks": {"request": [self._count]}},
        )
        return genai.Client(api_key=key, http_options=options)

    def _count(self, _request: object) -> None:
        self.requests += 1

    def ask(self, contents: Any, *, model: str = "", **config: Any) -> Any:
        """A plain answer."""
        asked = types.GenerateContentConfig(**config)
        return self.client.models.generate_content(model=model or self.model, contents=contents, config=asked)

    def chat(self) -> None:
        """A plain answer, and what it used; asynchronously too."""
        answer = self.ask(SAY, system_instruction="Be brief.", temperature=0.5, max_output_tokens=200)
        expect((answer.text, answer.candidates[0].finish_reason.name), (HELLO, "STOP"))
        used = answer.usage_metadata
        assert used.prompt_token_count > 0 < used.candidates_token_count, used
        expect(self.ask(LONG, max_output_tokens=CEILING).candidates[0].finish_reason.name, "MAX_TOKENS")
        expect(asyncio.run(self._later()), HELLO)

    async def _later(self) -> str | None:
        client = self._client(self.setup.key)
        answer = await client.aio.models.generate_content(model=self.model, contents=SAY)
        await client.aio.aclose()
        return answer.text

    def settings(self) -> str:
        """Everything that can be set and changes an answer; what the gateway left out of it."""
        answer = self.ask(
            SAY,
            max_output_tokens=200,
            temperature=0.5,
            top_p=0.9,
            top_k=40,
            seed=7,
            stop_sequences=["never said"],
            presence_penalty=0.1,
            frequency_penalty=0.1,
            response_logprobs=True,
            logprobs=2,
            candidate_count=1,
        )
        expect(answer.text, HELLO)
        return str(answer.sdk_http_response.headers.get("x-sluice-dropped", ""))

    def stream(self) -> None:
        """The words in pieces."""
        chunks = list(self.client.models.generate_content_stream(model=self.model, contents=SAY))
        expect("".join(chunk.text or "" for chunk in chunks), HELLO)
        used = chunks[-1].usage_metadata
        assert used is not None
        assert used.candidates_token_count, used

    def tools(self) -> None:
        """A call, its result, the answer; two calls at once; in a stream; and the SDK's own loop."""
        self._loop(CALL, ["Oslo"])
        self._loop(CALLS, ["Oslo", "Rome"])
        self._loop(CALLS, ["Oslo", "Rome"], stream=True)
        calling = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
        self._loop(CALL, ["Oslo"], tool_config=types.ToolConfig(function_calling_config=calling))
        answer = self.ask(CALL, tools=[weather])
        within(WEATHER["Oslo"], answer.text, "loop of the SDK")

    def thinking(self) -> str:
        """Thoughts are shown, and their signature goes back; whether the provider knows it for its own."""
        config = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
        said = self._loop(f"#do think {THOUGHT}\n{CALL}", ["Oslo"], thought=True, thinking_config=config)
        return f"shown, {'signed' if '(signed)' in said else 'unsigned'}"

    def _loop(self, text: str, cities: list[str], *, stream: bool = False, thought: bool = False, **more: Any) -> str:
        contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=text)])]
        tools = [types.Tool(function_declarations=[WEATHER_TOOL])]
        off = types.AutomaticFunctionCallingConfig(disable=True)
        config: Any = types.GenerateContentConfig(tools=tools, automatic_function_calling=off, **more)
        asked = {"model": self.model, "contents": contents, "config": config}
        answers = (
            list(self.client.models.generate_content_stream(**asked))
            if stream
            else [self.client.models.generate_content(**asked)]
        )
        parts = [part for each in answers for part in each.candidates[0].content.parts or []]
        if thought:
            expect("".join(part.text for part in parts if part.thought), THOUGHT, "thought")
        calls = [part.function_call for part in parts if part.function_call]
        expect([call.args["city"] for call in calls], cities, "calls")
        results = [
            types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"result": said}))
            for call, said in ((call, WEATHER[call.args["city"]]) for call in calls)
        ]
        contents += [types.Content(role="model", parts=parts), types.Content(role="user", parts=results)]
        config.tool_config = None
        answer: Any = self.client.models.generate_content(**asked)
        for city in cities:
            within(WEATHER[city], answer.text)
        return str(answer.text)

    def structured(self) -> None:
        """By a pydantic model, in Gemini's schema; and by JSON Schema."""
        parsed = self.ask(JSON, response_mime_type="application/json", response_schema=City)
        expect(parsed.parsed, City(**CITY))
        schema = City.model_json_schema()
        parsed = self.ask(JSON, response_mime_type="application/json", response_json_schema=schema)
        expect(City.model_validate_json(parsed.text), City(**CITY), "JSON Schema")

    def images(self) -> None:
        """A picture inline."""
        answer = self.ask([types.Part.from_bytes(data=picture(), mime_type="image/png"), LOOK])
        expect(answer.text, SEEN)

    def count_tokens(self) -> None:
        """How many tokens a request has."""
        counted = self.client.models.count_tokens(model=self.model, contents=SAY)
        assert counted.total_tokens, counted

    def errors(self) -> None:
        """Each error as its own class and code; a stream that breaks; a Budget that is spent costs one request."""
        model = self.setup.failing(self.model)
        refused = raises(errors.ClientError, lambda: self.ask(FAILURES["bad request"], model=model))
        expect((refused.code, refused.status), (400, "INVALID_ARGUMENT"))
        ask = self.client.models.generate_content_stream
        broken = raises(errors.APIError, lambda: list(ask(model=model, contents=BREAK)))
        assert broken.message, broken
        wrong = self._client("sk-wrong")
        unknown = raises(errors.ClientError, lambda: wrong.models.generate_content(model=self.model, contents=SAY))
        expect(unknown.code, 401)
        if self.setup.spent_key:
            spent = self._client(self.setup.spent_key)
            error = raises(errors.ClientError, lambda: spent.models.generate_content(model=self.model, contents=SAY))
            expect((error.code, self.requests), (429, 1), "spent budget")
            within("insufficient_quota", error.details, "spent budget")
        limited = raises(errors.ClientError, lambda: self.ask(FAILURES["rate limited"], model=model))
        expect(limited.code, 429)

    def models(self) -> None:
        """The list, in Gemini's shape."""
        listed = list(self.client.models.list(config={"query_base": True}))
        assert listed, "no model"
        assert all(each.name for each in listed), listed


def scenarios(setup: Setup, model: str) -> dict[str, Callable[[], object]]:
    """By name."""
    it = Content(setup, model)
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
    run(scenarios, genai.__version__)
