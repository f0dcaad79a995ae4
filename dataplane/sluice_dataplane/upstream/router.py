"""Which implementation serves an upstream: Echo answers inside the process, every other type is called over HTTP."""

from typing import Final

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import UpstreamRequest
from sluice_dataplane.upstream.seam import Patience, UpstreamAnswer, Upstreams

ECHO: Final = "Echo"


class RoutingUpstreams:
    """Two implementations behind the one seam."""

    def __init__(self, http: Upstreams, echo: Upstreams) -> None:
        self._http = http
        self._echo = echo

    async def send(
        self, upstream: Upstream, request: UpstreamRequest, *, credential: str | None, patience: Patience
    ) -> UpstreamAnswer:
        """The answer's head, from whoever serves this type; see the seam."""
        served_by = self._echo if upstream.type == ECHO else self._http
        return await served_by.send(upstream, request, credential=credential, patience=patience)

    async def close(self) -> None:
        """Close both."""
        try:
            await self._http.close()
        finally:
            await self._echo.close()
