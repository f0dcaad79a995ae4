"""A real kube-apiserver with its etcd, and nothing else: seconds to start, no node, no controller.

For what only the API server can prove: schemas, defaults, CEL, columns, RBAC, watches.  Nothing is collected or
scheduled, and namespaces never finish going away.
"""

import contextlib
import os
import secrets
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 90.0
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ApiServer:
    """A running API server.  ``token`` is an administrator's; ``kubeconfig`` is a file that holds both."""

    url: str
    token: str
    kubeconfig: Path
    kubectl: Path

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """What kubectl answered, whatever its exit status."""
        command = [str(self.kubectl), f"--kubeconfig={self.kubeconfig}", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def ask(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl printed.

        Raises:
            AssertionError: it failed; the message is its own.
        """
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout


def binary(name: str) -> Path:
    """A program of the cluster tools.

    Raises:
        FileNotFoundError: it is not there; the message says how to get it.
    """
    cache = Path(
        os.environ.get("SLUICE_CLUSTER_CACHE")
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluice/cluster"
    )
    path = Path(os.environ.get("SLUICE_CLUSTER_BIN") or cache / "bin") / name
    if not os.access(path, os.X_OK):
        message = f"{path} is not there: `make cluster` builds it, or set SLUICE_CLUSTER_BIN to a folder that has it"
        raise FileNotFoundError(message)
    return path


@contextlib.contextmanager
def running_api_server(directory: Path) -> Iterator[ApiServer]:
    """An API server that keeps everything it has in *directory*; stopped at the end.

    Raises:
        FileNotFoundError: the programs are not there.
        RuntimeError: it did not start within START_SECONDS; the message ends with its log.
    """
    etcd, api, kubectl = binary("etcd"), binary("kube-apiserver"), binary("kubectl")
    etcd_port, peer_port, port = _free_ports(3)
    token = secrets.token_urlsafe(16)
    server = ApiServer(f"https://{_HOST}:{port}", token, _kubeconfig(directory, port, token), kubectl)
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            _process([str(etcd), *_etcd_flags(directory, etcd_port, peer_port)], directory / "etcd.log")
        )
        flags = _api_flags(directory, etcd_port, port, token)
        process = stack.enter_context(_process([str(api), *flags], directory / "apiserver.log"))
        _wait_until_ready(server, process, directory / "apiserver.log")
        yield server


def _etcd_flags(directory: Path, port: int, peer_port: int) -> list[str]:
    client, peer = f"http://{_HOST}:{port}", f"http://{_HOST}:{peer_port}"
    return [
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _api_flags(directory: Path, etcd_port: int, port: int, token: str) -> list[str]:
    tokens, key = directory / "tokens.csv", directory / "service-account.key"
    tokens.write_text(f"{token},admin,admin,system:masters\n")
    subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)],
        capture_output=True,
        timeout=30,
        check=True,
    )
    return [
        f"--etcd-servers=http://{_HOST}:{etcd_port}",
        f"--bind-address={_HOST}",
        f"--advertise-address={_HOST}",
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        f"--cert-dir={directory / 'certificates'}",
        f"--token-auth-file={tokens}",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.96.0.0/16",
    ]


def _kubeconfig(directory: Path, port: int, token: str) -> Path:
    path = directory / "kubeconfig"
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n"
        # Its certificate is made by itself at the start; it listens on the loopback interface only.
        f"clusters: [{{name: test, cluster: {{server: 'https://{_HOST}:{port}', insecure-skip-tls-verify: true}}}}]\n"
        f"users: [{{name: test, user: {{token: '{token}'}}}}]\n"
        "contexts: [{name: test, context: {cluster: test, user: test}}]\n"
    )
    return path


@contextlib.contextmanager
def _process(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            yield process
        finally:
            process.kill()  # nothing it holds is wanted again


def _wait_until_ready(server: ApiServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(server):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
        if process.poll() is not None or time.monotonic() > deadline:
            message = f"kube-apiserver did not start; its log ends with:\n{log.read_text()[-2000:]}"
            raise RuntimeError(message)


def _is_ready(server: ApiServer) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(f"{server.url}/readyz", headers={"Authorization": f"Bearer {server.token}"})
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((_HOST, 0))
        return [each.getsockname()[1] for each in sockets]
