"""Probes and metrics over real HTTP."""

import httpx

from sluice_operator.probes import probes
from sluice_operator.telemetry import LEADING


async def test_liveness_does_not_depend_on_readiness() -> None:
    """A process that is not ready is alive all the same: restarting it would not help."""
    ready = False
    async with probes(host="127.0.0.1", port=0, ready=lambda: ready) as port, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{port}"
        before = [(await client.get(f"{url}{path}")).status_code for path in ("/healthz", "/readyz")]
        ready = True
        after = [(await client.get(f"{url}{path}")).status_code for path in ("/healthz", "/readyz")]

    assert before == [200, 503]
    assert after == [200, 200]


async def test_metrics_are_ours() -> None:
    """The metrics are served in Prometheus' text form, and only those of the operator."""
    LEADING.set(1)
    async with probes(host="127.0.0.1", port=0, ready=lambda: True) as port, httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")

    names = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE")}
    assert "sluice_operator_leading 1.0" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert all(name.startswith("sluice_operator_") for name in names)
