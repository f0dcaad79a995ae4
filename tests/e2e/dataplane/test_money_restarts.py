"""Ended in any way and started again: what was spent is spent."""

from pathlib import Path

import pytest

from sluice_contract.windows import Period
from support.builders import budget, key
from support.process import fleet
from support.scenes import chat, one_provider
from support.upstream import ScriptedUpstream

PATH = "/v1/chat/completions"
ONCE = Period()


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_a_restart_resets_no_budget(tmp_path: Path, upstream: ScriptedUpstream, end: str) -> None:
    """Without Redis too: a budget of three requests that is spent is spent after a crash and after a restart."""
    held = budget(unit="Requests", amount=3, period=ONCE)
    world = one_provider(upstream.base_url, keys=(key(budget_ids=(held.id,)),), budgets=(held,))
    async with fleet(tmp_path, world) as planes:
        plane = planes[0]
        statuses = [(await plane.post(PATH, chat())).status_code for _ in range(2)]
        await getattr(plane, end)()
        await plane.start(planes.revision)
        statuses += [(await plane.post(PATH, chat())).status_code for _ in range(2)]
        await getattr(plane, end)()
        await plane.start(planes.revision)
        statuses.append((await plane.post(PATH, chat())).status_code)
        month = next(iter((await plane.spend())["keys"]["vktest"].values()))

    assert statuses == [200, 200, 200, 429, 429]
    assert month["requests"] == len(upstream.bill) == 3
