"""What the stories share: a Redis, a scripted provider, and logs where a test failed."""

from collections.abc import AsyncIterator, Generator, Iterator

import pytest

from support.process import PROCESSES
from support.redis import RedisServer, running_redis
from support.upstream import ScriptedUpstream

LOG_CHARACTERS = 2_000


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """An empty Redis."""
    with running_redis() as server:
        yield server


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    """A provider that does as it is told."""
    async with ScriptedUpstream() as running:
        yield running


def pytest_runtest_setup() -> None:
    """Forget the processes of the tests before, but for those that several tests share."""
    PROCESSES[:] = [process for process in PROCESSES if process.alive]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a test failed, the ends of its processes' logs are told."""
    report = yield
    if report.failed:
        report.sections += [(f"end of {process.name}", process.said()[-LOG_CHARACTERS:]) for process in PROCESSES]
    return report
