"""One HTTP exchange with the API server: credentials, deadline, typed error.  Knows no kind."""

import asyncio
import os
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import msgspec
from kubernetes.aio import client, config

from sluice_operator.errors import ClusterError

JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_MAX_PARALLEL: Final = 40  # connections; the API server's fairness queues the rest anyway
_RETRY_STATUSES: Final = frozenset((408, 429, 500, 502, 503, 504))


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""


async def connect() -> client.ApiClient:
    """A client with the pod's service account, or with the current context of the kubeconfig outside a pod.

    Raises:
        ClusterError: neither is there.
    """
    settings = client.Configuration()
    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ:
            config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
        else:
            path = os.environ.get("KUBECONFIG")
            await config.load_kube_config(config_file=path, client_configuration=settings)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError) as error:
        message = f"no credentials for the API server: {error}"
        raise ClusterError(message, transient=False) from error
    settings.connection_pool_maxsize = _MAX_PARALLEL
    settings.retries = False
    return client.ApiClient(configuration=settings)


class Connection:
    """Exchanges over one client, each with a deadline."""

    def __init__(self, api: client.ApiClient, *, deadline_seconds: float = 15) -> None:
        self.api: Final = api
        self._deadline_seconds: Final = deadline_seconds

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,  # noqa: ANN401  # whatever JSON can say
        content_type: str = JSON,
        accept: str = JSON,
    ) -> bytes:
        """The body of the answer.

        Raises:
            ClusterError: no answer in time, or one that is not 2xx; its message never holds the request's body.
        """
        url = self.api.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        try:
            async with asyncio.timeout(self._deadline_seconds):
                headers: dict[str, str] = {"Accept": accept, "Content-Type": content_type}
                await self.api.update_params_for_auth(headers, [], ["BearerToken"], path, method, None)
                answer = await self.api.call_api(method, url, header_params=headers, body=body)
                data: bytes = await answer.read()  # type: ignore[no-untyped-call]
        except TimeoutError as error:
            message = f"{method} {path}: no answer in {self._deadline_seconds:g} s"
            raise ClusterError(message, transient=True) from error
        except (aiohttp.ClientError, OSError) as error:
            message = f"{method} {path}: {type(error).__name__}"
            raise ClusterError(message, transient=True) from error
        if answer.status >= 300:
            raise _refusal(method, path, answer.status, data)
        return data

    async def close(self) -> None:
        """Let go of all connections."""
        await self.api.close()  # type: ignore[no-untyped-call]


def _refusal(method: str, path: str, status: int, data: bytes) -> ClusterError:
    try:
        told = msgspec.json.decode(data, type=_Status)
    except msgspec.DecodeError:
        told = _Status(message="an answer that is no Status")
    # Messages about a Secret's fields may quote them; the status and the reason are enough to act on.
    text = told.reason if "/secrets" in path else f"{told.reason}: {told.message}"
    message = f"{method} {path}: {status} {text}"
    return ClusterError(message, transient=status in _RETRY_STATUSES, status=status)
