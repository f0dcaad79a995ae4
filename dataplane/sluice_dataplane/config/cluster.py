"""Follows the compiled objects of a release through the API server: the index by name, parts when their digest changes.

See docs/adr/0007 for why this is not the Kubernetes client.  Nothing is written and nothing else is read, so the
rights it needs can name every object.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

import aiohttp

from sluice_contract import codec, names
from sluice_contract.errors import SnapshotInvalidError
from sluice_dataplane.config.kube import Access, ApiServer, Patience
from sluice_dataplane.config.objects import ApiServerError, ExpiredError, Kind
from sluice_dataplane.config.source import Backoff, Bundle, Shelf, StateLog

DEFAULT_PATIENCE: Final = Patience()
BEHIND_SECONDS: Final = 0.5  # how long parts may differ from their index before we begin anew
STEADY_SECONDS: Final = 10.0  # a connection that lasted this long was a good one: the next failure is a first one
MIN_WATCH_SECONDS: Final = 1.0  # a watch that ends sooner is not asked for again at once


class ClusterSource:
    """Bundles of *release* in *namespace*.

    *clock* is monotonic, in seconds; *jitter* gives numbers in [0, 1); *sleep* waits between tries.
    """

    def __init__(
        self,
        access: Access,
        *,
        namespace: str,
        release: str,
        patience: Patience = DEFAULT_PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._access = access
        self._namespace = namespace
        self._release = release
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._backoff = Backoff(jitter)
        self._shelf = Shelf()
        self._state = StateLog("cluster")

    async def bundles(self) -> AsyncGenerator[Bundle, None]:
        """See SnapshotSource.  An index that is deleted changes nothing: the last bundle stands until the next."""
        while True:
            began = self._clock()
            try:
                async with (
                    ApiServer(self._access, self._namespace, patience=self._patience, clock=self._clock) as server,
                    aclosing(self._bundles(server)) as bundles,
                ):
                    async for bundle in bundles:
                        yield bundle
            except ExpiredError:
                pass  # a version that we kept for too long; listing again is all there is to it
            except ApiServerError as error:
                self._state.failing(str(error))
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                self._state.failing(type(error).__name__)  # its text may name a port that differs with each try
            if self._clock() - began >= STEADY_SECONDS:
                self._backoff.reset()
            await self._sleep(self._backoff.next_seconds())

    async def _bundles(self, server: ApiServer) -> AsyncGenerator[Bundle, None]:
        """Bundles of one connection epoch.  Raises what ApiServer does, also when parts stay away from their index."""
        async with aclosing(self._indices(server)) as indices:
            lacking: tuple[str, ...] = ()
            while True:
                try:
                    # Parts newer than their index: the next index comes in a moment, or else we begin anew.
                    async with asyncio.timeout(BEHIND_SECONDS if lacking else None):
                        data = await anext(indices)
                except TimeoutError as error:
                    if not lacking:
                        raise
                    message = f"not the ones the index names: {', '.join(lacking)}"
                    raise ApiServerError(message) from error
                try:
                    index = codec.decode_index(data)
                except SnapshotInvalidError as error:
                    self._state.failing(str(error))
                    continue
                await self._fetch(server, self._shelf.lacking(index))
                lacking = self._shelf.lacking(index)
                if (bundle := self._shelf.bundle(data, index)) is not None:
                    self._state.working()
                    yield bundle

    async def _indices(self, server: ApiServer) -> AsyncGenerator[bytes, None]:
        """The bytes of the index now and whenever it changes."""
        name = names.object_name(self._release, codec.INDEX)
        version = await server.list_one(name)
        since = version.resource_version
        if version.content is None:
            self._state.failing("there is no index")
        else:
            yield version.content
        while True:
            began = self._clock()
            async with aclosing(server.watch_one(name, since)) as versions:
                async for version in versions:
                    since = version.resource_version or since
                    if version.content is not None:
                        yield version.content
                    elif not version.bookmark:
                        self._state.failing("the index is gone")
            if self._clock() - began < MIN_WATCH_SECONDS:
                raise ApiServerError("a watch ended as soon as it began")

    async def _fetch(self, server: ApiServer, parts: tuple[str, ...]) -> None:
        """Put the newest of *parts* on the shelf; one that does not exist is left out."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in parts:
                    tasks.create_task(self._fetch_one(server, part), name=f"fetch-{part}")
        except ExceptionGroup as group:
            raise group.exceptions[0] from None  # one reason is enough; all are about the same server

    async def _fetch_one(self, server: ApiServer, part: str) -> None:
        kind: Kind = "secrets" if part in codec.SECRET_PARTS else "configmaps"
        data = await server.get(kind, names.object_name(self._release, part))
        if data is not None:
            self._shelf.put(part, data)
