"""The data plane's source follows a real kube-apiserver, with the rights that the chart gives it and no more."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path

import pytest

from sluice_contract import codec, names
from sluice_contract.snapshot import Snapshot
from sluice_dataplane.config.cluster import ClusterSource
from sluice_dataplane.config.kube import Access
from sluice_dataplane.config.source import Bundle
from support import builders
from support.apiserver import ApiServer, running_api_server

NAMESPACE, RELEASE = "gateway", "prod"
KEYS = tuple(builders.key(id=f"vk{n}", name=f"k{n}") for n in range(3))
FIRST = codec.encode(Snapshot(keys=KEYS))
SECOND = codec.encode(Snapshot(keys=KEYS[:2]))


def manifest(part: str, data: bytes) -> dict[str, object]:
    """The object that the operator writes for *part*."""
    secret = part in codec.SECRET_PARTS
    return {
        "apiVersion": "v1",
        "kind": "Secret" if secret else "ConfigMap",
        "metadata": {"name": names.object_name(RELEASE, part), "namespace": NAMESPACE},
        ("data" if secret else "binaryData"): {names.PART_FIELD: base64.b64encode(data).decode()},
    }


def publish(server: ApiServer, parts: Mapping[str, bytes]) -> None:
    """Write *parts*, the index last."""
    last = {codec.INDEX: parts[codec.INDEX]}
    for some in ({name: data for name, data in parts.items() if name not in last}, last):
        items = [manifest(name, data) for name, data in some.items()]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        server.ask("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)


def least_rights(server: ApiServer) -> None:
    """A user who may watch the index and get each part, by name, and nothing else."""
    objects = {name: names.object_name(RELEASE, name) for name in (*codec.PARTS, codec.INDEX)}
    maps = [name for part, name in objects.items() if part not in codec.SECRET_PARTS]
    secrets = [objects[part] for part in sorted(codec.SECRET_PARTS)]
    server.ask("create", "namespace", NAMESPACE)
    role = ["-n", NAMESPACE, "create", "role"]
    server.ask(*role, "maps", "--verb=get", "--resource=configmaps", *(f"--resource-name={name}" for name in maps))
    server.ask(*role, "secrets", "--verb=get", "--resource=secrets", *(f"--resource-name={name}" for name in secrets))
    index = f"--resource-name={objects[codec.INDEX]}"
    server.ask(*role, "index", "--verb=get,list,watch", "--resource=configmaps", index)
    for name in ("maps", "secrets", "index"):
        server.ask("-n", NAMESPACE, "create", "rolebinding", name, f"--role={name}", "--serviceaccount=gateway:reader")
    server.ask("-n", NAMESPACE, "create", "serviceaccount", "reader")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiServer, Access]]:
    """A real API server with FIRST published, and the access of a reader with the least rights."""
    directory: Path = tmp_path_factory.mktemp("apiserver")
    with running_api_server(directory) as running:
        least_rights(running)
        publish(running, FIRST)
        token = directory / "reader-token"
        token.write_text(running.ask("-n", NAMESPACE, "create", "token", "reader"))
        yield running, Access(running.url, token, directory / "certificates" / "apiserver.crt")


async def next_of(bundles: AsyncGenerator[Bundle, None]) -> dict[str, bytes]:
    """The next bundle, as what codec.encode gave."""
    async with asyncio.timeout(20):
        bundle = await anext(bundles)
    return {**bundle.parts, codec.INDEX: bundle.index}


async def test_source_follows_with_rights_by_name_only(server: tuple[ApiServer, Access]) -> None:
    """What is published, changed, deleted and published anew is followed by a reader whose rights all name objects."""
    running, access = server
    bundles = ClusterSource(access, namespace=NAMESPACE, release=RELEASE).bundles()
    first = await next_of(bundles)
    following = asyncio.ensure_future(next_of(bundles))
    await asyncio.to_thread(publish, running, SECOND)
    second = await following
    running.ask("-n", NAMESPACE, "delete", "configmap", names.object_name(RELEASE, codec.INDEX))
    await asyncio.to_thread(publish, running, FIRST)
    third = await next_of(bundles)
    await bundles.aclose()

    assert (first, second, third) == (FIRST, SECOND, FIRST)
