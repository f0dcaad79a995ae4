"""Scripts that run in a pod as applications do: with SDKs from the client image, keys from Secrets and no rights."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from support.kube import Manifest
from support.tenants import Team

_HARMLESS: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
_POD: Final = "app"


async def run_in_a_pod(
    team: Team,
    script: Path,
    image: str,
    runs: Mapping[str, tuple[str, list[str]]],
    *,
    keys: Mapping[str, str],
    seconds: float,
) -> dict[str, Any]:
    """What *script* printed as JSON, by the run's name: one pod, a container for each of *runs*.

    A run is a folder of SDKs in the image and the script's arguments, where ``$(NAME)`` stands for the secret of the
    VirtualKey that *keys* names.

    Raises:
        KubeError: it was not done within *seconds*, or failed.
    """
    await asyncio.gather(*map(team.secret, keys.values()))

    def finished() -> dict[str, Any]:
        pod = _pod([_container(name, script, image, *run, keys=keys) for name, run in runs.items()])
        team.cluster.apply([_config_map(script), pod], namespace=team.namespace)
        done = "jsonpath={.status.phase}=Succeeded"
        team.cluster.wait(done, f"pod/{_POD}", namespace=team.namespace, deadline=seconds)
        logs = {name: team.cluster.kubectl("logs", _POD, "-c", name, namespace=team.namespace) for name in runs}
        return {name: json.loads(log.splitlines()[-1]) for name, log in logs.items()}

    return await asyncio.to_thread(finished)


def _config_map(script: Path) -> Manifest:
    data = {script.name: script.read_text()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "driver"}, "data": data}


def _container(
    name: str, script: Path, image: str, folder: str, arguments: list[str], *, keys: Mapping[str, str]
) -> Manifest:
    secrets = [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": f"{key}-key", "key": "api-key"}}}
        for variable, key in keys.items()
    ]
    return {
        "name": name,
        "image": image,
        "command": ["python3", f"/driver/{script.name}", *arguments],
        "env": [*secrets, {"name": "PYTHONPATH", "value": folder}],
        "securityContext": _HARMLESS,
        "volumeMounts": [{"name": "driver", "mountPath": "/driver"}],
    }


def _pod(containers: list[Manifest]) -> Manifest:
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": containers,
        "volumes": [{"name": "driver", "configMap": {"name": "driver"}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": _POD}, "spec": spec}
