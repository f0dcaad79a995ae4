"""The two stores under one handle, with a clock the test moves."""

from collections.abc import AsyncIterator, Iterator

import pytest

from support.redis import RedisServer, running_redis
from support.stores import Stand


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for all tests of this folder; whoever uses it flushes it first."""
    with running_redis() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
async def stand(request: pytest.FixtureRequest, redis_server: RedisServer) -> AsyncIterator[Stand]:
    """An empty store of each kind."""
    if request.param == "memory":
        yield Stand()
        return
    async with Stand.redis(redis_server) as stand:
        yield stand
