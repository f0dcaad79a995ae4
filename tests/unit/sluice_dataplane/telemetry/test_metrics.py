"""Metrics: what was served, by bounded labels."""

from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_dataplane.telemetry.metrics import Metrics


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
    assert "old" not in text
