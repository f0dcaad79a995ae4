"""The chart, rendered by the real Helm."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "charts" / "gateway"
KUBE_VERSION: Final = "1.34.4"  # named, so that the text does not depend on who built Helm

Manifest = dict[str, Any]


class RefusedError(Exception):
    """Helm did not render; the message is what it said."""


@cache
def helm() -> str:
    """Helm from PATH, or the one that the cluster tool built."""
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sluice" / "cluster"
    built = Path(os.environ.get("SLUICE_CLUSTER_CACHE", home)) / "bin"
    found = shutil.which("helm", path=f"{built}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        message = "there is no helm: `tests/support/cluster/cluster tool helm` builds one"
        raise FileNotFoundError(message)
    return found


def render(values: Manifest) -> str:
    """The text of release ``sluice`` in namespace ``gateways``.

    Raises:
        RefusedError: the values or the chart are not in order.
    """
    command = [helm(), "template", "sluice", str(CHART), "--namespace", "gateways", "--kube-version", KUBE_VERSION]
    text = yaml.safe_dump(values)
    done = subprocess.run([*command, "--values", "-"], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RefusedError(done.stderr)
    return done.stdout


def objects(values: Manifest, kind: str = "") -> list[Manifest]:
    """The rendered objects, of one kind if named."""
    return [each for each in yaml.safe_load_all(render(values)) if each and kind in ("", each["kind"])]
