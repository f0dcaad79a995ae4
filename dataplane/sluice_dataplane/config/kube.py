"""The two verbs of Kubernetes that a data plane needs: watch one ConfigMap by name, get an object by name.

Knows HTTP and the watch protocol (Kubernetes API concepts, "Efficient detection of changes"); knows nothing of
snapshots.  One :class:`ApiServer` lives for one connection epoch: whoever uses it makes a new one after an error, so
that addresses, certificates and authorities are looked up anew.
"""

import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp import http_exceptions

from sluice_dataplane.config.objects import (
    ApiServerError,
    ExpiredError,
    Kind,
    KubeObject,
    ObjectList,
    Status,
    WatchEvent,
    decode,
    part_of,
)

ACCOUNT_DIR: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_SECONDS: Final = 60.0  # the kubelet replaces the file well before the token in it ends
INACTIVITY_SECONDS: Final = 70.0  # bookmarks come about every minute: a silent watch is a dead one
GET_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 5.0
MAX_CONNECTIONS: Final = 8  # one for the watch, the others fetch side by side
WATCH_SECONDS: Final = 300  # after this the server ends a watch, and we begin another where it ended
MAX_OBJECT_BYTES: Final = 4 * 1024 * 1024  # an object is about 1.5 MiB at most; base64 and metadata come on top


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach an API server: base URL, the file of the bearer token, the file of the authorities trusted."""

    url: str
    token_file: Path | None = None
    ca_file: Path | None = None

    @classmethod
    def in_cluster(cls, environ: Mapping[str, str], account_dir: Path = ACCOUNT_DIR) -> "Access":
        """The access that every pod with a ServiceAccount has.

        Raises:
            ApiServerError: the environment is not that of a pod.
        """
        try:
            host, port = environ["KUBERNETES_SERVICE_HOST"], environ["KUBERNETES_SERVICE_PORT"]
        except KeyError as error:
            message = f"{error.args[0]} is not set: this is no pod, or it has no ServiceAccount"
            raise ApiServerError(message) from None
        host = f"[{host}]" if ":" in host else host
        return cls(f"https://{host}:{port}", account_dir / "token", account_dir / "ca.crt")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for a connection, for a whole object, for any sign of life on a watch."""

    connect: float = CONNECT_SECONDS
    get: float = GET_SECONDS
    inactivity: float = INACTIVITY_SECONDS


@dataclass(frozen=True, slots=True)
class Version:
    """A ConfigMap's part field at one resource version; ``content`` None where there is none.

    A bookmark says only that the watch has come as far as its resource version; it has no content.
    """

    resource_version: str
    content: bytes | None = field(default=None, repr=False)
    bookmark: bool = False


class ApiServer:
    """Reads objects of one namespace.  Every method raises ApiServerError, aiohttp.ClientError or TimeoutError.

    *clock* is monotonic, in seconds.
    """

    def __init__(self, access: Access, namespace: str, *, patience: Patience, clock: Callable[[], float]) -> None:
        self._base = f"{access.url.rstrip('/')}/api/v1/namespaces/{namespace}"
        self._access = access
        self._patience = patience
        self._clock = clock
        self._token = ""
        self._token_read_at: float | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=_tls(self._access.ca_file), limit=MAX_CONNECTIONS)
        self._session = aiohttp.ClientSession(connector=connector, read_bufsize=MAX_OBJECT_BYTES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, kind: Kind, name: str) -> bytes | None:
        """The part field of one object; None where there is no such object, or no such field in it."""
        async with self._request(f"/{kind}/{name}", total_seconds=self._patience.get) as response:
            if response.status == 404:
                return None
            return part_of(kind, decode(await _body(response), KubeObject))

    async def list_one(self, name: str) -> Version:
        """The ConfigMap *name* as it is now, with the version to watch from."""
        query = {"fieldSelector": f"metadata.name={name}"}
        async with self._request("/configmaps", query, total_seconds=self._patience.get) as response:
            found = decode(await _body(response), ObjectList)
            return Version(
                found.metadata.resource_version, part_of("configmaps", found.items[0]) if found.items else None
            )

    async def watch_one(self, name: str, since: str) -> AsyncGenerator[Version, None]:
        """The ConfigMap *name* each time it changes after *since*, until the server ends the watch (some minutes).

        Raises:
            ExpiredError: *since* is too old.
        """
        query = {
            "fieldSelector": f"metadata.name={name}",
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        async with self._request("/configmaps", query, total_seconds=None) as response:
            _check(response.status)
            while line := await _line(response):
                event = decode(line, WatchEvent)
                if event.type == "ERROR":
                    _check(decode(event.object, Status).code)
                    raise ApiServerError("the watch ended with an error that has no code")
                changed = decode(event.object, KubeObject)
                yield Version(
                    changed.metadata.resource_version,
                    part_of("configmaps", changed) if event.type in ("ADDED", "MODIFIED") else None,
                    bookmark=event.type == "BOOKMARK",
                )

    def _request(
        self, path: str, query: Mapping[str, str] | None = None, *, total_seconds: float | None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        assert self._session is not None, "used outside of its context"
        patience = self._patience
        timeout = aiohttp.ClientTimeout(
            total=total_seconds, sock_connect=patience.connect, sock_read=patience.inactivity
        )
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}  # what we read is deflated already
        if token := self._current_token():
            headers["Authorization"] = f"Bearer {token}"
        return self._session.get(
            self._base + path, params=query, headers=headers, timeout=timeout, allow_redirects=False
        )

    def _current_token(self) -> str:
        now = self._clock()
        if self._access.token_file is None:
            return ""
        if self._token_read_at is None or now - self._token_read_at >= TOKEN_SECONDS:
            try:
                self._token = self._access.token_file.read_text().strip()
            except OSError as error:
                message = f"the token in {self._access.token_file} cannot be read: {error.strerror}"
                raise ApiServerError(message) from error
            self._token_read_at = now
        return self._token


def _tls(ca_file: Path | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True  # the system's authorities
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an ssl.SSLError is one too
        message = f"the authorities in {ca_file} cannot be read: {error.strerror}"
        raise ApiServerError(message) from error
    # From 3.13 on Python refuses authorities without certain extensions; those of many clusters are like that.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _check(status: int) -> None:
    if status == 410:
        raise ExpiredError("the version to watch from is too old")
    if status != 200:
        message = f"the API server answered {status}"
        raise ApiServerError(message)


async def _body(response: aiohttp.ClientResponse) -> bytes:
    _check(response.status)
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_OBJECT_BYTES:
            raise ApiServerError("an object is larger than any object can be")
    return bytes(body)


async def _line(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.content.readline()
    except http_exceptions.HttpProcessingError:
        raise ApiServerError("an event is larger than any object can be") from None
