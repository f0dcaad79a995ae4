"""What is in the images, seen from inside a pod that may do nothing it need not."""

import json
import re
from collections.abc import Callable
from typing import Any, Final

import pytest

from support.helm import ROOT
from support.kube import Cluster
from support.release import Values

LOOK: Final = """
import importlib.metadata, json, os, pathlib, sys
lib = pathlib.Path("/opt/sluice/lib")
sources = [path for tree in ("lib", "app") for path in pathlib.Path("/opt/sluice", tree).rglob("*.py")]
print(json.dumps({
    "uid": os.getuid(),
    "writable": [each for each in ("/", "/opt/sluice", "/opt/sluice/app", "/tmp") if os.access(each, os.W_OK)],
    "installed": sorted(each.metadata["Name"] for each in importlib.metadata.distributions(path=[str(lib)])),
    "not_compiled": sum(not pathlib.Path(importlib.util.cache_from_source(path)).exists() for path in sources),
    "imported_from": importlib.import_module("sluice_contract").__file__,
}))
"""
LOCKED_FOR_OTHERS: Final = {"async-timeout", "httpx2-jsfetch"}  # of Python or platform


@pytest.mark.parametrize("program", ["operator", "dataplane"])
def test_image_holds_what_its_lock_names(
    program: str, cluster: Cluster, images: Values, new_namespace: Callable[[str], str]
) -> None:
    """Exactly the locked distributions, compiled, readable and not writable by the user it runs as."""
    namespace, image = new_namespace("images"), images[program]["image"]
    cluster.apply(_pod(f"{image['repository']}:{image['tag']}"), namespace=namespace)
    cluster.wait("jsonpath={.status.phase}=Succeeded", "pod/look", namespace=namespace, deadline=30)
    seen = json.loads(cluster.kubectl("logs", "look", namespace=namespace))

    lock = (ROOT / program / "requirements.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9.-]+)==", lock, re.MULTILINE))
    assert locked - LOCKED_FOR_OTHERS == {_normal(name) for name in seen["installed"]} - LOCKED_FOR_OTHERS
    assert (seen["uid"], seen["writable"], seen["not_compiled"]) == (65532, [], 0)
    assert seen["imported_from"].startswith("/opt/sluice/app/")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pod(image: str) -> dict[str, Any]:
    security = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "look", "image": image, "command": ["python3", "-c", LOOK], "securityContext": security}
    spec = {
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "look"}, "spec": spec}
