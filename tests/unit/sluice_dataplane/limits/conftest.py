"""The two stores under one handle, with a clock the test moves."""

from collections.abc import AsyncIterator, Iterator

import pytest

from sluice_dataplane.limits.redis import RedisStore
from support.redis import RedisServer, running_redis
from support.stores import Stand, greet, redis_store, running


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for all tests of this folder; whoever uses it flushes it first."""
    with running_redis() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
async def stand(request: pytest.FixtureRequest, redis_server: RedisServer) -> AsyncIterator[Stand]:
    """An empty store of each kind."""
    if request.param == "memory":
        yield await Stand.memory()
        return
    async with Stand.redis(redis_server) as stand:
        yield stand


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[RedisStore]:
    """A store on an empty server, with Redis's own clock; SOURCE has greeted it and it admits."""
    redis_server.client.flushall()
    async with running(redis_store(redis_server)) as store:
        await greet(store, redis_server)
        yield store
