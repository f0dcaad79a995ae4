"""Releases of the chart in a test cluster, running the images that were just built."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from support.helm import CHART
from support.kube import Cluster, KubeError

INSTALL_SECONDS: Final = 120
UNINSTALL_SECONDS: Final = 60
SCALE_SECONDS: Final = 120  # controllers that lost the API server back off for up to a minute
PROGRAMS: Final = frozenset(("operator", "dataplane", "redis"))
QUICK_SHUTDOWN: Final = {"dataplane": {"shutdown": {"preStopSeconds": 1, "delaySeconds": 1, "graceSeconds": 20}}}

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Release:
    """One install of the chart; its name is the Service's."""

    name: str
    namespace: str

    @property
    def url(self) -> str:
        """The base URL for OpenAI's clients in pods."""
        return f"http://{self.name}.{self.namespace}/v1"


def chart_images(loaded: Mapping[str, str]) -> Values:
    """Values that make the chart run the images that were *loaded*, by program."""
    shown: Values = {}
    for program in PROGRAMS & loaded.keys():
        name = loaded[program]
        repository, _, tag = name.rpartition(":")
        shown[program] = {"image": {"repository": repository, "tag": tag}}
    return shown


def helm_install(cluster: Cluster, release: Release, *values: Values, flags: tuple[str, ...] = ()) -> None:
    """Install, and return when every Deployment is available.  Later values win.

    Raises:
        KubeError: it was not within INSTALL_SECONDS; the message has what was seen.  The release may be half there.
    """
    _helm(cluster, release, "install", values, flags)


def helm_upgrade(cluster: Cluster, release: Release, *values: Values) -> None:
    """Upgrade to *values*, all of them (later ones win), and return when every Deployment has its new pods.

    Raises:
        KubeError: it was not within INSTALL_SECONDS; the message has what was seen.
    """
    _helm(cluster, release, "upgrade", values, ())


def _helm(cluster: Cluster, release: Release, verb: str, values: tuple[Values, ...], flags: tuple[str, ...]) -> None:
    merged: Values = QUICK_SHUTDOWN
    for each in values:
        merged = _merged(merged, each)
    command = ["helm", verb, release.name, str(CHART), "--namespace", release.namespace, "--values", "-"]
    command += ["--wait", "--timeout", f"{INSTALL_SECONDS}s", *flags]
    try:
        cluster.run(*command, text=yaml.safe_dump(merged), deadline=INSTALL_SECONDS + 30)
    except KubeError as error:
        raise KubeError(f"{error}\n{cluster.report(release.namespace)}") from error


def helm_uninstall(cluster: Cluster, release: Release, *, deadline: float = UNINSTALL_SECONDS) -> None:
    """Uninstall, and return when all of the release is gone but what Helm was told to keep.

    Raises:
        KubeError: it was not within *deadline* seconds.
    """
    command = ["helm", "uninstall", release.name, "--namespace", release.namespace]
    cluster.run(*command, "--ignore-not-found", "--wait", "--cascade", "foreground", deadline=deadline)


def scale_operator(cluster: Cluster, release: Release, replicas: int) -> None:
    """Run so many operators; returns when they are ready, or when the last one is gone.

    Raises:
        KubeError: they were not within SCALE_SECONDS.
    """
    deployment, namespace = f"deployment/{release.name}-operator", release.namespace
    cluster.kubectl("scale", deployment, f"--replicas={replicas}", namespace=namespace)
    if replicas:
        status = ("rollout", "status", deployment, f"--timeout={SCALE_SECONDS}s")
        cluster.kubectl(*status, namespace=namespace, deadline=SCALE_SECONDS + 10)
        return
    selector = f"app.kubernetes.io/instance={release.name},app.kubernetes.io/component=operator"
    pods = [each["metadata"]["name"] for each in cluster.list("pods", namespace=namespace, selector=selector)]
    for pod in pods:
        cluster.wait("delete", f"pod/{pod}", namespace=namespace, deadline=SCALE_SECONDS)


def _merged(under: Values, over: Values) -> Values:
    both = {**under, **over}
    for key in under.keys() & over.keys():
        if isinstance(under[key], dict) and isinstance(over[key], dict):
            both[key] = _merged(under[key], over[key])
    return both
