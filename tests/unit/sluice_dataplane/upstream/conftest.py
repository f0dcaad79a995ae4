"""The way out runs on uvloop in production and must not depend on it: every async test here runs on both loops."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
import uvloop

from sluice_dataplane.upstream.client import HttpUpstreams


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def http() -> AsyncIterator[HttpUpstreams]:
    """The client, closed at the end."""
    upstreams = HttpUpstreams()
    yield upstreams
    await upstreams.close()
