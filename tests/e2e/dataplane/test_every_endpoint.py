"""Calls that are only passed on: what a provider gets and gives is untouched, and each is billed by what it says."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from sluice_contract.snapshot import Capabilities
from support.builders import SECRET, budget, key
from support.scenes import other_key
from support.wire_plane import UPSTREAM_MODEL, WireBench, model_of, snapshot_of, wire_bench
from support.wires.others import PNG, SOUND

BEARER = {"authorization": f"Bearer {SECRET}"}
OTHER = {"authorization": "Bearer sk-other"}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[WireBench]:
    """A plane before a provider that speaks every wire; two keys."""
    async with wire_bench(tmp_path, keys=(key(), other_key("other"))) as made:
        yield made


async def form(bench: WireBench, path: str, fields: dict[str, str], file: tuple[str, bytes]) -> httpx.Response:
    """POST a form with one file."""
    files = {file[0]: ("a.bin", file[1], "application/octet-stream")}
    return await bench.plane.client.post(path, data=fields, files=files, headers=BEARER)


@pytest.mark.parametrize(
    ("path", "body", "used"),
    [
        ("/v1/moderations", {"input": "so bad"}, None),
        ("/v1/rerank", {"query": "q", "documents": ["long document", "doc"]}, (5, 0)),
        ("/v2/rerank", {"query": "q", "documents": ["doc"]}, (1, 0)),
        ("/openai/v1/images/generations", {"prompt": "a cat", "n": 2, "size": "1024x1024"}, (2, 200)),
        ("/v1/embeddings", {"input": ["a", "b"], "encoding_format": "base64"}, (2, 0)),
    ],
)
async def test_a_json_call_passes_and_is_billed_as_told(
    bench: WireBench, path: str, body: dict[str, Any], used: tuple[int, int] | None
) -> None:
    """The provider sees the client's fields and its own name of the model; the record has its figures."""
    answer = await bench.plane.post(path, {"model": "m-chat", **body})

    assert answer.status_code == 200, answer.text
    assert bench.provider.seen[-1].json() == {"model": UPSTREAM_MODEL, **body}
    usage = bench.records()[-1].usage
    assert usage.estimated if used is None else (usage.input, usage.output) == used


async def test_a_conversation_is_named_to_the_provider(bench: WireBench) -> None:
    """By the headers in which Codex names it; what names an account stays here."""
    told = {"session-id": "s-1", "thread-id": "t-1", "x-codex-window-id": "w-1", "openai-beta": "responses=v2"}

    answer = await bench.plane.post(
        "/v1/responses",
        {"model": "m-responses", "input": "Hi"},
        headers={**BEARER, **told, "openai-organization": "org"},
    )

    assert answer.status_code == 200, answer.text
    heard = bench.provider.seen[-1].headers
    assert {name: heard.get(name) for name in told} == told
    assert "openai-organization" not in heard


async def test_a_moderation_may_leave_its_model_to_the_provider(bench: WireBench) -> None:
    """OpenAI's clients send none: then the model is OpenAI's usual one, and here it does not exist."""
    answer = await bench.plane.post("/v1/moderations", {"input": "x"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert "omni-moderation-latest" in answer.json()["error"]["message"]


async def test_speech_is_passed_on_byte_for_byte_and_billed_by_the_character(bench: WireBench) -> None:
    """Sound has no usage: each character of the text counts one token of input."""
    answer = await bench.plane.post("/v1/audio/speech", {"model": "m-chat", "input": "Hällo", "voice": "alloy"})

    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "audio/mpeg", SOUND)
    usage = bench.records()[-1].usage
    assert (usage.input, usage.estimated) == (5, True)


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/audio/translations"])
async def test_a_transcription_passes_as_a_form(bench: WireBench, path: str) -> None:
    """The file and the fields arrive; only the model's name is another."""
    answer = await form(bench, path, {"model": "m-chat", "language": "en"}, ("file", SOUND))

    assert answer.json()["text"] == f"heard {len(SOUND)} bytes of sound"
    assert (bench.provider.bills[-1].model, bench.records()[-1].usage.input) == (UPSTREAM_MODEL, 20)


async def test_a_transcription_as_plain_text_is_text(bench: WireBench) -> None:
    """Subtitles and plain text come as they are, and are billed by an estimate."""
    answer = await form(
        bench, "/v1/audio/transcriptions", {"model": "m-chat", "response_format": "text"}, ("file", SOUND)
    )

    assert (answer.text, answer.headers["content-type"]) == (
        f"heard {len(SOUND)} bytes of sound\n",
        "text/plain; charset=utf-8",
    )
    assert bench.records()[-1].usage.estimated


@pytest.mark.parametrize("path", ["/v1/images/edits", "/v1/images/variations"])
async def test_an_image_is_edited_by_a_form(bench: WireBench, path: str) -> None:
    """Two images are made of one, and billed as told."""
    answer = await form(bench, path, {"model": "m-chat", "prompt": "hat", "n": "2"}, ("image", PNG))

    assert len(answer.json()["data"]) == 2
    assert bench.records()[-1].usage.output == 200


async def test_a_form_that_is_none_is_a_400(bench: WireBench) -> None:
    """What is wrong with a form is said, and nothing is sent."""
    answer = await bench.plane.client.post("/v1/audio/transcriptions", json={"model": "m-chat"}, headers=BEARER)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_form")
    assert not bench.provider.seen


async def test_a_call_that_no_target_serves_is_a_400(bench: WireBench) -> None:
    """A conversation can be translated, an embedding cannot: a model of Anthropic's has none."""
    answer = await bench.plane.post("/v1/embeddings", {"model": "m-messages", "input": "x"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "endpoint_not_supported")
    assert not bench.provider.seen


async def test_counting_tokens_is_free_and_exact(bench: WireBench) -> None:
    """Anthropic's and Google's counts are passed on; they use no tokens."""
    message = {"model": "m-messages", "messages": [{"role": "user", "content": "hello there"}]}
    counted = await bench.plane.post("/v1/messages/count_tokens", message)
    content = {"contents": [{"role": "user", "parts": [{"text": "hello there"}]}]}
    google = await bench.plane.post("/v1beta/models/m-gemini:countTokens", content)

    assert (counted.json(), google.json()) == ({"input_tokens": 3}, {"totalTokens": 3})
    assert {(record.usage.total, record.cost_nusd) for record in bench.records()} == {(0, 0)}


@pytest.mark.parametrize("provider", ["messages", "responses", "gemini"])
async def test_a_count_may_be_asked_in_any_words(bench: WireBench, provider: str) -> None:
    """Whoever can count is asked, in its own words; what it says comes back in the client's, and is free."""
    model = f"m-{provider}"
    tool = {"name": "f", "input_schema": {"type": "object"}}
    anthropic = {"model": model, "messages": [{"role": "user", "content": "hello there"}], "tools": [tool]}
    part = {"role": "user", "parts": [{"text": "hello there"}]}
    google = {"generateContentRequest": {"model": f"models/{model}", "contents": [part]}}
    answers = [
        await bench.plane.post("/v1/messages/count_tokens", anthropic),
        await bench.plane.post(f"/v1beta/models/{model}:countTokens", google),
        await bench.plane.post("/v1/responses/input_tokens", {"model": model, "input": "hello there"}),
    ]

    assert [answer.json() for answer in answers] == [
        {"input_tokens": 13},
        {"totalTokens": 3},
        {"object": "response.input_tokens", "input_tokens": 3},
    ]
    assert {(record.usage.total, record.cost_nusd) for record in bench.records()} == {(0, 0)}


async def test_a_count_that_nobody_can_make_is_a_400(bench: WireBench) -> None:
    """Chat completions have no such call: nothing is made up."""
    body = {"model": "m-chat", "messages": [{"role": "user", "content": "hello"}]}
    answer = await bench.plane.post("/v1/messages/count_tokens", body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "endpoint_not_supported")


async def test_a_kept_response_is_found_by_its_id_and_by_its_key_alone(bench: WireBench) -> None:
    """The id leads back to the provider that made it, for the key that made it; it is paid for once."""
    made = (await bench.plane.post("/v1/responses", {"model": "m-responses", "input": "#do say Hi"})).json()
    path = f"/v1/responses/{made['id']}"
    read = await bench.plane.client.get(path, headers=BEARER)
    stolen = await bench.plane.client.get(path, headers=OTHER)
    deleted = await bench.plane.client.delete(path, headers=BEARER)

    assert (read.status_code, read.json()) == (200, made)
    assert (stolen.status_code, stolen.json()["error"]["code"]) == (404, "response_not_found")
    assert deleted.json() == {"id": made["id"], "object": "response", "deleted": True}
    assert [record.usage.total > 0 for record in bench.records()] == [True, False, False]
    assert (await bench.plane.client.get("/v1/responses/resp_unknown", headers=BEARER)).status_code == 404


async def test_a_response_goes_on_from_the_one_before(bench: WireBench) -> None:
    """The provider gets its own id of the response before, in a stream as well; another key's is refused."""
    body = {"model": "m-responses", "input": "#do say Hi"}
    made = (await bench.plane.post("/v1/responses", body)).json()
    further = {**body, "previous_response_id": made["id"], "stream": True}
    streamed = await bench.plane.post("/v1/responses", further)
    stolen = await bench.plane.post("/v1/responses", further, headers=OTHER)

    sent = bench.provider.seen[-1].json()["previous_response_id"]
    assert made["id"].endswith("_" + sent)
    events = [line.removeprefix("data: ") for line in streamed.text.splitlines() if line.startswith("data: {")]
    ids = {event["response"]["id"] for event in map(msgspec.json.decode, events) if "response" in event}
    assert len(ids) == 1
    assert ids.pop().startswith("resp_")
    assert (stolen.status_code, stolen.json()["error"]["code"]) == (400, "previous_response_not_found")


async def test_a_providers_own_route_is_off_unless_allowed(tmp_path: Path) -> None:
    """What is allowed passes with the provider's credential and its fixed price; what is not, is not there."""
    async with wire_bench(tmp_path) as bench:
        through = msgspec.structs.replace(
            snapshot_of(bench.provider).models[0],
            name="/passthrough/platform/acme",
            uid="uid-through",
            passthrough=("GET /models*", "POST /embeddings"),
        )
        price = msgspec.structs.replace(through.targets[0].price, request_nusd=7_000)
        target = msgspec.structs.replace(through.targets[0], model="", price=price)
        await bench.plane.apply(snapshot_of(bench.provider, msgspec.structs.replace(through, targets=(target,))))

        get = bench.plane.client.get
        listed = await get("/passthrough/platform/acme/models?limit=2", headers=BEARER)
        body = {"model": "anything", "input": "x"}
        assert listed.headers["etag"] == '"1"'
        embedded = await bench.plane.post("/passthrough/platform/acme/embeddings", body)
        refused = [
            await bench.plane.post("/passthrough/platform/acme/moderations", {"input": "x"}),
            await get("/passthrough/platform/other/models", headers=BEARER),
            await get("/passthrough/platform/acme/models/../embeddings", headers=BEARER),
            await get("/passthrough/platform/acme/models%2f..%2fembeddings", headers=BEARER),
        ]
        as_model = await bench.plane.post("/v1/chat/completions", {"model": "/passthrough/platform/acme"})

        assert listed.status_code == embedded.status_code == 200, (listed.text, embedded.text)
        assert [each["id"] for each in listed.json()["data"]] == ["every-small", "every-large"]
        assert [seen.query for seen in bench.provider.seen] == ["limit=2", ""]
        assert bench.provider.seen[-1].json() == body
        assert {answer.json()["error"]["code"] for answer in refused} <= {"route_not_found"}
        assert as_model.status_code == 400
        records = bench.records()[:2]
        assert [record.endpoint for record in records] == ["passthrough"] * 2
        assert [record.cost_nusd >= 7_000 for record in records] == [True, True]
        assert records[1].usage.input == bench.provider.bills[-1].used.input


async def test_an_answer_says_what_it_does_without(tmp_path: Path) -> None:
    """A field that was left out is named in a header, plain and streamed; one that passes is not."""
    async with wire_bench(tmp_path, model_of("messages", name="lenient", uid="u", drop_unsupported=True)) as bench:
        chat = {"messages": [{"role": "user", "content": "#do say Hi"}], "seed": 7}
        answers = [
            await bench.plane.post("/v1/chat/completions", {"model": "lenient", **chat}),
            await bench.plane.post("/v1/chat/completions", {"model": "lenient", "stream": True, **chat}),
            await bench.plane.post("/v1/chat/completions", {"model": "m-chat", **chat}),
        ]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.headers.get("x-sluice-dropped") for answer in answers] == ["seed", "seed", None]


async def test_a_request_over_the_context_window_costs_nothing(tmp_path: Path) -> None:
    """It is told so in a 400 before it is sent; a target with a larger window serves it where there is one."""
    async with wire_bench(tmp_path) as bench:
        small = snapshot_of(bench.provider)
        models = tuple(msgspec.structs.replace(each, context_window=1_000) for each in small.models)
        await bench.plane.apply(msgspec.structs.replace(small, models=models))
        long = {"model": "m-chat", "messages": [{"role": "user", "content": "word " * 3_000}]}
        answer = await bench.plane.post("/v1/chat/completions", long)

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
        assert "1000 tokens at most" in answer.json()["error"]["message"]
        assert not bench.provider.seen
        assert not bench.records()

        (target,) = models[0].targets
        wide = Capabilities(context_window=100_000)
        large = msgspec.structs.replace(target, name="large", model="every-large", priority=1, capabilities=wide)
        both = msgspec.structs.replace(models[0], targets=(target, large))
        await bench.plane.apply(msgspec.structs.replace(small, models=(both,)))
        answer = await bench.plane.post("/v1/chat/completions", long)

        assert (answer.status_code, bench.provider.seen[-1].json()["model"]) == (200, "every-large")


async def test_a_tool_that_is_left_out_needs_no_price(tmp_path: Path) -> None:
    """A provider's own search, offered by habit: under a Budget in money it is refused where it would be sent, and
    translation leaves it out where the model drops what cannot be carried.
    """
    lenient = model_of("messages", name="lenient", uid="u", drop_unsupported=True)
    covered = {"keys": (key(budget_ids=("bud1",)),), "budgets": (budget(),)}
    async with wire_bench(tmp_path, lenient, **covered) as bench:
        search = {"input": "#do say Hi", "tools": [{"type": "web_search"}]}
        answers = [
            await bench.plane.post("/v1/responses", {"model": name, **search})
            for name in ("lenient", "m-messages", "m-responses")
        ]

    assert [answer.status_code for answer in answers] == [200, 400, 400]
    assert answers[0].headers["x-sluice-dropped"] == "tools[0]"
    assert [answer.json()["error"]["code"] for answer in answers[1:]] == ["unsupported_field", "unpriced_feature"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/openai/v1/chat/completions", {"model": "m-gemini", "messages": [{"role": "user", "content": "#do say Hi"}]}),
        (
            "/anthropic/v1/messages",
            {"model": "m-gemini", "max_tokens": 50, "messages": [{"role": "user", "content": "#do say Hi"}]},
        ),
        ("/gemini/v1beta/models/m-messages:generateContent", {"contents": [{"parts": [{"text": "#do say Hi"}]}]}),
    ],
)
async def test_each_api_has_a_base_url_of_its_own(bench: WireBench, path: str, body: dict[str, Any]) -> None:
    """For clients that take a base URL and put their own paths behind it, as the README says."""
    answer = await bench.plane.post(path, body)

    assert answer.status_code == 200, answer.text
    assert '"Hi"' in answer.text
