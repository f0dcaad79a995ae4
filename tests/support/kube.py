"""A real cluster for tests: kubectl with deadlines, namespaces of one's own, ports, and what went wrong.

Which cluster is decided by tests/support/cluster/cluster; the user's own kubeconfig is never looked at.
"""

import contextlib
import json
import os
import re
import selectors
import shlex
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

TOOL: Final = Path(__file__).parent / "cluster" / "cluster"
IMAGES: Final = TOOL.parent / "images"
BUILD_SECONDS: Final = 3600  # the first time, on a slow machine, Kubernetes is compiled

_ANSWERED: Final = '"event":"exchange","id":"req_'  # a line for each call

Manifest = dict[str, Any]


class KubeError(Exception):
    """A command did not end well or in time; the message is what it said."""


class Kube:
    """kubectl and helm against one cluster.  Every call ends by its deadline, in seconds."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ: Final = dict(environ)

    def run(self, *command: str, text: str | None = None, deadline: float = 60) -> str:
        """What the command wrote.

        Raises:
            KubeError: it failed or was still running at the deadline.
        """
        try:
            done = subprocess.run(
                command, input=text, env=self.environ, capture_output=True, text=True, timeout=deadline, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise KubeError(f"{shlex.join(command)}: still running after {deadline} s") from error
        if done.returncode:
            raise KubeError(f"{shlex.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def kubectl(self, *arguments: str, namespace: str = "", text: str | None = None, deadline: float = 60) -> str:
        """What kubectl wrote, asked about *namespace* (or the cluster)."""
        scope = ["--namespace", namespace] if namespace else []
        return self.run("kubectl", *scope, *arguments, text=text, deadline=deadline)

    def apply(self, what: Path | Sequence[Manifest] | Manifest, *, namespace: str = "") -> None:
        """Apply manifests, or a file or folder of them."""
        if isinstance(what, Path):
            self.kubectl("apply", "--filename", str(what), namespace=namespace)
            return
        manifests = [what] if isinstance(what, dict) else list(what)
        self.kubectl("apply", "--filename", "-", namespace=namespace, text=yaml.safe_dump_all(manifests))

    def get(self, what: str, *, namespace: str = "") -> Manifest:
        """One object, such as ``vkey/checkout``."""
        found: Manifest = json.loads(self.kubectl("get", what, "--output", "json", namespace=namespace))
        return found

    def list(self, kinds: str, *, namespace: str = "", selector: str = "") -> list[Manifest]:
        """The objects of one or more kinds, such as ``pods,services``; without a namespace, of all of them."""
        scope = [] if namespace else ["--all-namespaces"]
        answer = self.kubectl("get", kinds, *scope, "--selector", selector, "--output", "json", namespace=namespace)
        found: list[Manifest] = json.loads(answer)["items"]
        return found

    def wait(self, condition: str, *what: str, namespace: str = "", deadline: float = 60) -> None:
        """Return once ``kubectl wait --for=<condition>`` does, also for objects that do not exist yet.

        Raises:
            KubeError: the deadline passed first.
        """
        end = time.monotonic() + deadline
        while True:
            left = max(1.0, end - time.monotonic())
            arguments = ["wait", f"--for={condition}", f"--timeout={left:.0f}s", *what]
            try:
                self.kubectl(*arguments, namespace=namespace, deadline=left + 10)
            except KubeError as error:
                if "not found" not in str(error) and "no matching resources" not in str(error):
                    raise
                if time.monotonic() >= end:
                    raise
            else:
                return

    def new_namespace(self, story: str) -> str:
        """A namespace nobody else has, which admits only pods that ask for nothing they must not have."""
        name = f"{story}-{uuid.uuid4().hex[:8]}"
        labels = {"pod-security.kubernetes.io/enforce": "restricted", "sluice.dev/test": story}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        return name

    def clear(self, namespace: str) -> None:
        """Let go of the names that a story's resources have in the whole cluster; a namespace takes longer to go."""
        with contextlib.suppress(KubeError):  # nobody may have installed our kinds
            self.kubectl("delete", "mdep,vkey,bud,mprov", "--all", "--wait=false", namespace=namespace)

    def delete_namespace(self, name: str, *, deadline: float = 60) -> None:
        """Delete a namespace and return when it is gone."""
        self.kubectl("delete", "namespace", name, "--ignore-not-found", deadline=deadline)

    @contextlib.contextmanager
    def forward(self, target: str, port: int | str, *, namespace: str) -> Iterator[str]:
        """A URL on this machine that reaches *port* of ``pod/x``, ``deploy/x`` or ``svc/x`` (then one pod)."""
        command = ["kubectl", "--namespace", namespace, "port-forward", target, f":{port}", "--address", "127.0.0.1"]
        with subprocess.Popen(
            command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield f"http://127.0.0.1:{_forwarded_port(process, target)}"
            finally:
                process.terminate()

    def report(self, namespace: str) -> str:
        """What one would look at first: pods, events and the ends of all logs."""
        parts = [
            self._tried("get", "pods,deployments,mdep,vkey,bud,mprov", "--output", "wide", namespace=namespace),
            self._tried("get", "events", "--sort-by", ".lastTimestamp", namespace=namespace)[-4000:],
        ]
        for name in self._tried("get", "pods", "--output", "name", namespace=namespace).split():
            logs = ("logs", name, "--all-containers", "--tail=500", "--prefix")
            for more in ((), ("--previous",)):
                lines = self._tried(*logs, *more, namespace=namespace).splitlines()
                parts += [line for line in lines if _ANSWERED not in line][-60:]
        return "\n".join(part for part in parts if part)

    def _tried(self, *arguments: str, namespace: str) -> str:
        try:
            return self.kubectl(*arguments, namespace=namespace, deadline=20)
        except KubeError as error:
            return "" if "previous terminated container" in str(error) else str(error)


class Cluster(Kube):
    """The test cluster, whose control plane may be stopped and started in part."""

    def stop(self, part: str) -> None:
        """End *part* (``apiserver``, ``controller-manager``, ``scheduler``) as a crash would."""
        self.run(str(TOOL), "stop", part, deadline=120)

    def start(self, part: str) -> None:
        """Start *part* again; returns when it answers.

        With the API server those who work through it start anew: by themselves they back off for up to 90 seconds.
        """
        self.run(str(TOOL), "start", part, deadline=180)
        if part == "apiserver":
            for waiting in ("controller-manager", "scheduler"):
                self.stop(waiting)
                self.start(waiting)

    def crash(self, pod: Manifest, program: str) -> None:
        """Kill *program* in a pod's container, from outside and without the API server."""
        self.run(str(TOOL), "crash", pod["metadata"]["uid"], program)


def start_cluster() -> Cluster:
    """The test cluster, started if it is not running.

    Raises:
        KubeError: it cannot be had; the message says what is missing.
    """
    written = Kube(os.environ).run(str(TOOL), "up", deadline=BUILD_SECONDS)
    lines = written.replace("export ", "").replace(':"$PATH"', f":{os.environ['PATH']}")
    return Cluster({**os.environ, **dict(item.split("=", 1) for item in shlex.split(lines))})


def load_images() -> dict[str, str]:
    """Build our images and the tests' and bring them to the cluster; their names by program.

    ``client`` has OpenAI's, Anthropic's and Google's SDKs; there is no ``redis`` where docker pulls one.
    """
    names = Kube(os.environ).run(str(IMAGES), "load", deadline=BUILD_SECONDS).split()
    return {name.rsplit(":", 1)[0].rsplit("-", 1)[1]: name for name in names}


def _forwarded_port(process: subprocess.Popen[str], target: str) -> int:
    assert process.stdout is not None
    assert process.stderr is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(timeout=20) else ""
    if found := re.search(r"127\.0\.0\.1:(\d+) ->", line):
        return int(found[1])
    process.kill()
    raise KubeError(f"port-forward to {target}: {process.stderr.read().strip() or 'silent for 20 s'}")
