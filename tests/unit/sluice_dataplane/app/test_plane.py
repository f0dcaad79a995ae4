"""What one data plane shows of its counters."""

from pathlib import Path

import aiohttp
import pytest

from sluice_contract.snapshot import Snapshot
from sluice_contract.windows import Period, counted
from sluice_operator.replicas import Replicas
from support.builders import budget, key, model, upstream
from support.plane import running


@pytest.mark.parametrize("period", [Period(unit="Month"), Period(rolling_ms=3_600_000)])
async def test_the_operator_reads_what_was_spent_of_any_window(tmp_path: Path, period: Period) -> None:
    """What a call spent is shown, and where its window rolls by bucket, so that it can be seen to fall out."""
    held = budget(unit="Requests", amount=10, period=period)
    snapshot = Snapshot(models=(model(),), upstreams=(upstream(),), budgets=(held,), keys=(key(budget_ids=(held.id,)),))
    async with running(snapshot, tmp_path) as plane, aiohttp.ClientSession() as session:
        body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
        assert (await plane.post("/v1/chat/completions", body)).status_code == 200
        spend = await Replicas(session, admin_port=plane.settings.admin_port).spend("127.0.0.1")
    (account,) = spend.accounts.values()
    if period.rolling_ms is None:
        assert (account.posted, account.buckets) == (1, None)
    else:
        assert account.posted == 0
        assert account.buckets is not None
        assert counted(account.buckets, oldest=0) == 1
