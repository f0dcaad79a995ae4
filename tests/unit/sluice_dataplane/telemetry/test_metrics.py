"""Metrics: what was served, by bounded labels."""

from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_dataplane.telemetry.metrics import Metrics
from sluice_dataplane.usage.figures import Figures


def record(**fields: object) -> UsageRecord:
    """A good call of team/app."""
    base: dict[str, object] = {
        "id": "req_1", "source": "s", "sequence": 1, "at_ms": 1, "key_id": "vk1", "key": "team/app",
        "model": "openai/made-up-by-a-client", "target": "t", "upstream_model": "m", "endpoint": "chat", "status": 200,
        "outcome": "ok", "attempts": 1, "usage": TokenUsage(input=3, output=5), "cost_nusd": 2_000_000_000,
    }  # fmt: skip
    return UsageRecord(**{**base, **fields})  # type: ignore[arg-type]


def test_a_call_is_counted_with_its_tokens_and_cost() -> None:
    """Requests, tokens by kind and USD are all there under one set of labels."""
    metrics = Metrics()
    metrics.settled(record(), "openai/*")
    text = metrics.exposition().decode()
    labels = 'endpoint="chat",model="openai/*",namespace="team",status="200",target="t"'

    assert f"sluice_requests_total{{{labels}}} 1.0" in text
    assert 'sluice_tokens_total{kind="output",model="openai/*",namespace="team",target="t"} 5.0' in text
    assert 'sluice_cost_usd_total{model="openai/*",namespace="team",target="t"} 2.0' in text


def test_names_that_clients_make_up_and_keys_are_no_labels() -> None:
    """The number of series is bounded by the configuration, whatever clients send."""
    metrics = Metrics()
    metrics.settled(record(), "openai/*")
    text = metrics.exposition().decode()

    assert "made-up" not in text
    assert "vk1" not in text


def test_only_the_revision_in_force_is_shown() -> None:
    """An old revision's series is gone once a new one is served."""
    metrics = Metrics()
    metrics.now_serving("old")
    metrics.now_serving("new")
    text = metrics.exposition().decode()

    assert 'sluice_config_info{revision="new"} 1.0' in text
    assert 'revision="old"' not in text


def test_durations_are_counted_in_buckets_that_include_their_bounds() -> None:
    """Cumulative buckets in seconds, one sum, one count: whatever the status or target, by model and endpoint."""
    metrics = Metrics()
    for duration_ms, status in ((5, 200), (6, 200), (700_000, 502)):
        metrics.settled(record(duration_ms=duration_ms, status=status), "echo")
    text = metrics.exposition().decode()
    name, labels = "sluice_request_duration_seconds", 'endpoint="chat",model="echo"'

    found = {
        bound: f'{name}_bucket{{endpoint="chat",le="{bound}",model="echo"}}' for bound in ("0.005", "0.01", "+Inf")
    }
    assert f"{found['0.005']} 1.0" in text
    assert f"{found['0.01']} 2.0" in text
    assert f"{found['+Inf']} 3.0" in text
    assert f"{name}_sum{{{labels}}} 700.011" in text
    assert f"{name}_count{{{labels}}} 3.0" in text


def test_sums_run_over_what_is_no_label_of_theirs() -> None:
    """Two statuses of one target are one cost; estimates and first tokens are told by model."""
    metrics = Metrics()
    metrics.settled(record(), "echo")
    metrics.settled(record(status=499, usage=TokenUsage(input=1, estimated=True), first_token_ms=20), "echo")
    text = metrics.exposition().decode()

    assert 'sluice_cost_usd_total{model="echo",namespace="team",target="t"} 4.0' in text
    assert 'sluice_tokens_total{kind="input",model="echo",namespace="team",target="t"} 4.0' in text
    assert 'sluice_estimated_usage_total{model="echo"} 1.0' in text
    assert 'sluice_time_to_first_token_seconds_count{model="echo"} 1.0' in text


def test_every_family_is_there_before_the_first_call() -> None:
    """A dashboard finds its metrics on a fresh replica."""
    text = Metrics().exposition().decode()

    assert "# TYPE sluice_requests_total counter" in text
    assert "# TYPE sluice_request_duration_seconds histogram" in text


def test_the_ledger_is_shown_as_it_is_when_asked() -> None:
    """Each figure of the ledger is a gauge that is read anew each time; a reason is 1, none is 0."""
    metrics, now = Metrics(), {"running": 3, "reason": "evicts"}
    metrics.watch_ledger(lambda: Figures(now["running"], 2, 0, journal_full=False, store_unsafe=str(now["reason"])))
    before = metrics.exposition().decode()
    now.update(running=4, reason="")
    after = metrics.exposition().decode()

    assert "sluice_running_holds 3.0" in before
    assert "sluice_settlements_waiting 2.0" in before
    assert "sluice_store_unsafe 1.0" in before
    assert "sluice_running_holds 4.0" in after
    assert "sluice_store_unsafe 0.0" in after


def test_several_records_of_one_call_are_one_request() -> None:
    """An attempt that may have been billed counts its tokens and its cost; the request is counted at its end."""
    metrics = Metrics()
    metrics.settled(record(attempt=1, attempts=2, flags=("unanswered",), status=504), "echo")
    metrics.settled(record(attempt=2, attempts=2), "echo")
    text = metrics.exposition().decode()

    assert 'sluice_cost_usd_total{model="echo",namespace="team",target="t"} 4.0' in text
    assert 'sluice_requests_total{endpoint="chat",model="echo",namespace="team",status="200",target="t"} 1.0' in text
    assert 'sluice_request_duration_seconds_count{endpoint="chat",model="echo"} 1.0' in text
    assert 'sluice_flagged_usage_total{flag="unanswered",model="echo"} 1.0' in text


def test_every_kind_of_token_is_counted() -> None:
    """Audio and images beside what they are parts of."""
    metrics = Metrics()
    usage = TokenUsage(input=9, output=9, audio_input=1, image_input=2, audio_output=3, image_output=4)
    metrics.settled(record(usage=usage), "echo")
    text = metrics.exposition().decode()

    for kind, amount in (("audio_input", 1), ("image_input", 2), ("audio_output", 3), ("image_output", 4)):
        assert f'sluice_tokens_total{{kind="{kind}",model="echo",namespace="team",target="t"}} {amount}.0' in text
