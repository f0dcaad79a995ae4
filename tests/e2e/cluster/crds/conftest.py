"""One API server with our CRDs for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.apiserver import ApiServer, running_api_server
from support.crd_cases import CRDS


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real kube-apiserver that knows the four kinds.  Absent programs are an error, never a skip."""
    directory: Path = tmp_path_factory.mktemp("apiserver")
    with running_api_server(directory) as server:
        server.ask("apply", "--server-side", *(f"--filename={path}" for path in sorted(CRDS.glob("*.yaml"))))
        server.ask("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        yield server


@pytest.fixture(scope="session")
def api(api_server: ApiServer) -> Iterator[httpx.Client]:
    """A client of the API server, as its administrator."""
    headers = {"Authorization": f"Bearer {api_server.token}"}
    with httpx.Client(base_url=api_server.url, headers=headers, verify=False, timeout=30) as client:
        yield client
