"""Asks token services with the client that also calls providers, so that the same rules of addresses hold.

Redirects are not followed: nothing goes anywhere but where it was addressed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import Headers, UpstreamRequest
from sluice_dataplane.upstream.identity.answers import MAX_ANSWER_BYTES, Reply
from sluice_dataplane.upstream.identity.grants import IdentityFailedError
from sluice_dataplane.upstream.seam import AttemptFailedError, Patience, Upstreams

ASK_S: Final = 10.0  # for one answer, from the name to its last byte
_PATIENCE: Final = Patience(connect_ms=5_000, first_byte_ms=10_000, between_bytes_ms=5_000)
_FORM: Final = (("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json"))


Sign = Callable[[Upstream, UpstreamRequest], Awaitable[Headers]]  # what is added to a request


class Asker:
    """Sends what one upstream's identity needs sent, by *http*.

    Where *upstream* may call private addresses its token service may be at one too, and may speak plain HTTP.
    """

    def __init__(self, http: Upstreams, upstream: Upstream, *, private_allowed: bool | None = None) -> None:
        self._http = http
        self._id = upstream.id
        self._ca_pem = upstream.ca_pem
        self._private_allowed = upstream.allow_private_network if private_allowed is None else private_allowed

    async def form(
        self, url: str, fields: Mapping[str, str], headers: Headers = (), *, sign: Sign | None = None
    ) -> Reply:
        """POST *fields*, those that are not empty, as a form."""
        body = urlencode({name: value for name, value in fields.items() if value}).encode()
        return await self.ask("POST", url, (*_FORM, *headers), body, sign=sign)

    async def json(self, url: str, value: object, headers: Headers = ()) -> Reply:
        """POST *value* as JSON."""
        return await self.ask("POST", url, (("content-type", "application/json"), *headers), msgspec.json.encode(value))

    async def ask(
        self, method: str, url: str, headers: Headers, body: bytes = b"", *, sign: Sign | None = None
    ) -> Reply:
        """What *url* answers.

        Raises:
            IdentityFailedError: nothing, or nothing in time.
        """
        base_url, path = split(url, plain_allowed=self._private_allowed)
        host = urlsplit(base_url).netloc
        place = Upstream(
            id=f"{self._id}#{host}",  # connections are kept by it
            type="TokenService",
            provider_name="",
            base_url=base_url,
            allow_private_network=self._private_allowed,
            ca_pem=self._ca_pem,
        )
        request = UpstreamRequest(method, path, headers, body)
        try:
            if sign is not None:
                request = UpstreamRequest(method, path, (*await sign(place, request), *headers), body)
            async with asyncio.timeout(ASK_S):
                return await self._send(place, request)
        except TimeoutError:
            raise IdentityFailedError(f"its token service {host} did not answer in time") from None
        except AttemptFailedError as error:
            reason = str(error).removeprefix(f"upstream {place.id}: ")
            raise IdentityFailedError(f"its token service {host}: {reason}") from None

    async def _send(self, place: Upstream, request: UpstreamRequest) -> Reply:
        answer = await self._http.send(place, request, credential=None, patience=_PATIENCE)
        try:
            return Reply(answer.status, answer.headers, await answer.read(MAX_ANSWER_BYTES))
        finally:
            answer.close()


def split(url: str, *, plain_allowed: bool) -> tuple[str, str]:
    """Scheme and authority of *url*, and path with query.

    Raises:
        IdentityFailedError: a secret may not be sent there.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise IdentityFailedError("the URL of its token service cannot be read") from None
    if parts.scheme != "https" and not (plain_allowed and parts.scheme == "http"):
        raise IdentityFailedError("the URL of its token service needs https")
    if not parts.netloc or "@" in parts.netloc or "#" in url:
        raise IdentityFailedError("the URL of its token service may not hold credentials or a fragment")
    path = parts.path or "/"
    return f"{parts.scheme}://{parts.netloc}", f"{path}?{parts.query}" if parts.query else path
