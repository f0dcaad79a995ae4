"""What the stories share: figures that are printed, a Redis, a scripted provider, and logs where a test failed."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator

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


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str, object], None]:
    """``figure("revocation", "41 ms")``: a measured figure, shown at the end of the run."""
    return record_property


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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """All figures."""
    told = [
        f"{report.nodeid.rpartition('::')[2]}: {name} = {value}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
    ]
    if told:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(told))
