"""What metrics, logs and traces tell of calls is what happened, and no more."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.builders import SECRET, budget, key
from support.collector import Collector, SeenSpan, running_collector
from support.journals import records
from support.process import PlaneProcess, fleet
from support.redis import RedisServer
from support.scenes import chat, one_provider, served
from support.upstream import Fault, ScriptedUpstream
from support.waiting import until

PATH = "/v1/chat/completions"
CANARY = "canary-prompt-41d7"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def series_of(plane: PlaneProcess) -> Series:
    """Every sample of /metrics by name and labels."""
    text = (await plane.admin.get("/metrics")).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def at(series: Series, name: str, **labels: str) -> float:
    """The sum of the samples called *name* that have *labels*."""
    wanted = labels.items()
    return sum(value for (found, has), value in series.items() if found == name and wanted <= has)


async def test_metrics_count_what_happened(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """After known calls each series has the value that the provider's bill and the clients' answers give it."""
    held = budget()
    upstream.models["held"] = Fault(stall_before_head=True)
    models = (served(), served("fault-*"), served("held"))
    world = one_provider(upstream.base_url, *models, keys=(key(budget_ids=(held.id,)),), budgets=(held,))
    async with fleet(tmp_path, world) as planes:
        plane = planes[0]
        for _ in range(3):
            await plane.post(PATH, chat("a question"))
        for _ in range(2):
            await plane.post(PATH, chat("a question", stream=True))
        await plane.post("/v1/embeddings", {"model": "chat", "input": "some text"})
        await plane.post(PATH, chat("a question", "fault-no-usage"))
        await plane.post(PATH, chat("a question", "fault-400"))
        await plane.post(PATH, chat("a question", "no-such-model"))
        for _ in range(2):
            await plane.post(PATH, chat(), secret="sk-wrong")
        series = await series_of(plane)
        hanging = asyncio.ensure_future(plane.post(PATH, chat(model_name="held")))
        await until(lambda: len(upstream.seen) == 9)
        busy = await series_of(plane)
        hanging.cancel()

    billed = [each for each in upstream.bill if each.model == "chat"]
    by_chat = {"namespace": "team", "model": "chat", "target": "up"}
    assert at(series, "sluice_requests_total", **by_chat, endpoint="chat", status="200") == 5
    assert at(series, "sluice_requests_total", **by_chat, endpoint="embeddings", status="200") == 1
    assert at(series, "sluice_requests_total", model="fault-*", status="400") == 1
    assert at(series, "sluice_tokens_total", **by_chat, kind="input") == sum(each.input_tokens for each in billed)
    assert at(series, "sluice_tokens_total", **by_chat, kind="output") == sum(each.output_tokens for each in billed)
    cost = sum(each.input_tokens + each.output_tokens for each in billed) / 1e9
    assert at(series, "sluice_cost_usd_total", **by_chat) == pytest.approx(cost)
    assert at(series, "sluice_estimated_usage_total", model="fault-*") == 1
    assert at(series, "sluice_request_duration_seconds_count", model="chat", endpoint="chat") == 5
    assert at(series, "sluice_time_to_first_token_seconds_count", model="chat") == 2
    assert at(series, "sluice_refused_requests_total", code="model_not_found") == 1
    assert at(series, "sluice_refused_requests_total", code="invalid_api_key") == 2
    assert at(series, "sluice_config_info", revision=planes.revision) == 1
    assert (at(series, "sluice_inflight_requests"), at(busy, "sluice_inflight_requests")) == (0, 1)


async def test_names_from_clients_make_no_series(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """Fifty names under a pattern, and fifty that do not exist, leave as many series as one of each."""
    async with fleet(tmp_path, one_provider(upstream.base_url)) as planes:
        plane = planes[0]
        await plane.post(PATH, chat(model_name="fault-x"))
        await plane.post(PATH, chat(model_name="no-such-model"))
        before = set(await series_of(plane))
        for number in range(50):
            await plane.post(PATH, chat(model_name=f"fault-x{number}"))
            await plane.post(PATH, chat(model_name=f"no-such-model-{number}"))
            await plane.client.get(f"/v1/no-such-path-{number}")
        after = set(await series_of(plane))

    new = {(name, labels) for name, labels in after - before if dict(labels).get("code") != "route_not_found"}
    assert new == set()


async def test_the_store_shows_whether_it_is_there(
    tmp_path: Path, redis: RedisServer, upstream: ScriptedUpstream
) -> None:
    """sluice_store_up is 1 while Redis answers, and 0 once it does not."""
    held = budget()
    world = one_provider(upstream.base_url, keys=(key(budget_ids=(held.id,)),), budgets=(held,))
    async with fleet(tmp_path, world, redis_url=redis.url, store_deadline_ms=5_000) as planes:
        plane = planes[0]
        await plane.post(PATH, chat())
        there = at(await series_of(plane), "sluice_store_up")
        redis.kill()
        for _ in range(6):
            await plane.post(PATH, chat())
        gone = at(await series_of(plane), "sluice_store_up")

    assert (there, gone) == (1, 0)


async def test_each_call_is_one_line_of_facts(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """Every line is JSON; a call's line says what its usage record says; what was refused says why."""
    async with fleet(tmp_path, one_provider(upstream.base_url)) as planes:
        plane = planes[0]
        calls = [
            chat("x"),
            chat("x", stream=True),
            chat("x", "fault-no-usage"),
            chat("x", "fault-no-done", stream=True),
        ]
        for body in calls:
            await plane.post(PATH, body)
        refused = await plane.post(PATH, chat("x", "no-such-model"))
        await plane.stop()
        told = {record.id: record for record in records(plane.data_dir)}
        lines = list(plane.lines())

    exchanges = {line["id"]: line for line in lines if line["event"] == "exchange"}
    assert len(exchanges) == len(calls)
    for id_, record in told.items():
        line = exchanges[id_]
        figures = (line["input_tokens"], line["output_tokens"], line["cost_nusd"], line["estimated"])
        usage = record.usage
        assert figures == (usage.input, usage.output, record.cost_nusd, usage.estimated)
        facts = ("status", "outcome", "endpoint", "stream", "key_id", "key", "model", "target", "attempts", "revision")
        assert {fact: line[fact] for fact in facts} == {fact: getattr(record, fact) for fact in facts}
    (denied,) = (line for line in lines if line["event"] == "refused")
    assert (denied["id"], denied["status"], denied["code"]) == (
        refused.headers["x-request-id"],
        404,
        "model_not_found",
    )
    assert {"app.listening", "snapshot.accepted", "app.draining", "app.stopped"} <= {line["event"] for line in lines}
    assert all(isinstance(line["time_ms"], int) and line["level"] for line in lines)
    assert plane.errors.read_text() == ""


async def test_a_call_that_failed_is_told_once(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """What a provider failed at is no refusal: one line, one count, although the client gets an error."""
    async with fleet(tmp_path, one_provider(upstream.base_url)) as planes:
        plane = planes[0]
        await plane.post(PATH, chat("x", "fault-500"))
        series = await series_of(plane)
        await plane.stop()

    assert [line["event"] for line in plane.lines() if "id" in line] == ["exchange"]
    assert at(series, "sluice_requests_total") == 1
    assert at(series, "sluice_refused_requests_total") == 0


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """An empty one."""
    async with running_collector() as running:
        yield running


async def test_traces_tell_of_each_call(tmp_path: Path, upstream: ScriptedUpstream, collector: Collector) -> None:
    """One span a call, with GenAI attributes and no content, under the client's own trace where it names one."""
    async with fleet(tmp_path, one_provider(upstream.base_url), trace_endpoint=collector.endpoint) as planes:
        plane = planes[0]
        headers = {"authorization": f"Bearer {SECRET}", "traceparent": f"00-{TRACE}-{PARENT}-01"}
        traced = await plane.client.post(PATH, json=chat(CANARY), headers=headers)
        alone = await plane.post(PATH, chat(CANARY, stream=True))
        failed = await plane.post(PATH, chat(CANARY, "fault-reset"))
        await plane.stop()

    def span_of(answer: object) -> SeenSpan:
        id_ = answer.headers["x-request-id"]  # type: ignore[attr-defined]
        (span,) = (each for each in collector.spans if each.attributes["sluice.request_id"] == id_)
        return span

    first, second, third = map(span_of, (traced, alone, failed))
    assert len(collector.spans) == 3
    assert (first.trace_id, first.parent_id) == (TRACE, PARENT)
    assert (second.parent_id, second.trace_id != TRACE) == ("", True)
    bill = upstream.bill[0]
    expected = {
        "service.name": "sluice-dataplane",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "chat",
        "gen_ai.usage.input_tokens": bill.input_tokens,
        "gen_ai.usage.output_tokens": bill.output_tokens,
        "http.response.status_code": 200,
    }
    assert expected.items() <= first.attributes.items()
    assert first.span.name == "chat chat"
    assert 0 < first.span.end_time_unix_nano - first.span.start_time_unix_nano < 60 * 10**9
    assert third.attributes["error.type"] == "upstream_error"
    assert CANARY.encode() not in collector.raw
    assert SECRET.encode() not in collector.raw


async def test_tracing_is_off_by_default(
    tmp_path: Path, upstream: ScriptedUpstream, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without SLUICE_TRACE_ENDPOINT nobody is called, whatever OpenTelemetry's own variables say."""
    async with fleet(tmp_path, one_provider(upstream.base_url)) as planes:
        plane = planes[0]
        await plane.stop()
        plane.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
        await plane.start(planes.revision)
        for _ in range(5):
            await plane.post(PATH, chat())
        await plane.stop()

    assert collector.requests == 0


async def test_a_collector_that_is_away_costs_no_call(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """With nobody at the other end calls are answered as ever, and the process still ends within its time."""
    async with fleet(tmp_path, one_provider(upstream.base_url), trace_endpoint="http://127.0.0.1:9") as planes:
        plane = planes[0]
        answers = [await plane.post(PATH, chat()) for _ in range(20)]
        status = await plane.stop()

    assert {answer.status_code for answer in answers} == {200}
    assert status == 0
