"""Ways from a test on this machine to the pods of a release, which do not lead through the API server.

One door leads to whichever replica the cluster chooses, as a Service does, and one to each replica.  They are
Services on a port of the node; replicas that come later get doors when ``open_doors`` is called again.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from support.kube import Cluster, Manifest
from support.release import Release
from support.waiting import until

REPLICA: Final = "sluice.dev/test-replica"
OPEN_SECONDS: Final = 30
_PORTS: Final = {"http": 4000, "admin": 4001}


@dataclass(frozen=True, slots=True)
class Door:
    """The front's and the admin port's URLs, of one replica or of any."""

    name: str
    url: str
    admin_url: str
    pod: Manifest = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Doors:
    """To any replica, and to each."""

    any: Door
    each: tuple[Door, ...]


async def open_doors(cluster: Cluster, release: Release) -> Doors:
    """Doors to *release* as it is now; returns when somebody answers behind each."""
    selector = {"app.kubernetes.io/instance": release.name, "app.kubernetes.io/component": "dataplane"}
    pods = await asyncio.to_thread(dataplane_pods, cluster, release)
    for pod in pods:
        name = pod["metadata"]["name"]
        label = ("label", "pod", name, f"{REPLICA}={name}", "--overwrite")
        await asyncio.to_thread(cluster.kubectl, *label, namespace=release.namespace)
    services = [_service("door", selector)] + [
        _service(f"door-{pod['metadata']['name'][-5:]}", {REPLICA: pod["metadata"]["name"]}) for pod in pods
    ]
    await asyncio.to_thread(cluster.apply, services, namespace=release.namespace)
    address = await asyncio.to_thread(node_address, cluster)
    opened = await asyncio.gather(
        *(_open(cluster, release, service, address, pod) for service, pod in zip(services, ({}, *pods), strict=True))
    )
    return Doors(opened[0], tuple(opened[1:]))


def dataplane_pods(cluster: Cluster, release: Release) -> list[Manifest]:
    """The data plane's pods that are not on their way out."""
    selector = f"app.kubernetes.io/instance={release.name},app.kubernetes.io/component=dataplane"
    pods = cluster.list("pods", namespace=release.namespace, selector=selector)
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def node_address(cluster: Cluster) -> str:
    """An address of a node that this machine reaches."""
    addresses = cluster.list("nodes")[0]["status"]["addresses"]
    return next(str(each["address"]) for each in addresses if each["type"] == "InternalIP")


def here_address(cluster: Cluster) -> str:
    """The address of this machine that pods reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((node_address(cluster), 9))  # sends nothing
        return str(probe.getsockname()[0])


@contextlib.asynccontextmanager
async def clients(limit: int | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client for doors; connections are kept, *limit* of them at most."""
    limits = httpx.Limits(max_connections=limit, max_keepalive_connections=limit)
    async with httpx.AsyncClient(timeout=60, trust_env=False, limits=limits) as client:
        yield client


def _service(name: str, selector: dict[str, str]) -> Manifest:
    ports = [{"name": port, "port": number, "targetPort": port} for port, number in _PORTS.items()]
    spec: dict[str, Any] = {"type": "NodePort", "selector": selector, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


async def _open(cluster: Cluster, release: Release, service: Manifest, address: str, pod: Manifest) -> Door:
    name = service["metadata"]["name"]
    made = await asyncio.to_thread(cluster.get, f"service/{name}", namespace=release.namespace)
    ports = {port["name"]: port["nodePort"] for port in made["spec"]["ports"]}
    urls = {port: f"http://{address}:{number}" for port, number in ports.items()}
    async with clients() as client:

        async def answers() -> bool:
            try:
                return (await client.get(f"{urls['admin']}/readyz", timeout=2)).is_success
            except httpx.TransportError:
                return False

        await until(answers, seconds=OPEN_SECONDS, why=f"nobody answers behind {name}")
    return Door(pod["metadata"]["name"] if pod else "any", urls["http"], urls["admin"], pod)
