"""What our pods may do, asked of the API server and seen from inside."""

import json
from collections import defaultdict
from typing import Any, Final

import pytest

from sluice_contract import codec, names
from support.kube import Cluster, KubeError, Manifest
from support.release import Release

KINDS: Final = ("modeldeployments", "virtualkeys", "budgets", "modelproviders")
READ: Final = frozenset(("get", "list", "watch"))
INSIDE: Final = """
import json, os, pathlib
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
roots = ("/", "/opt", "/opt/sluice", "/etc", "/usr", "/var", "/home", "/root")
print(json.dumps({
    "uid": os.getuid(),
    "capabilities": int(status["CapEff"], 16),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "seccomp": status["Seccomp"].strip(),
    "writable": [each for each in roots if os.access(each, os.W_OK)],
}))
"""

# (group, resource, name or "" for any) → verbs
Rights = dict[tuple[str, str, str], frozenset[str]]


def rights(cluster: Cluster, release: Release, program: str, *, namespace: str) -> Rights:
    """What the ServiceAccount of *program* may do in *namespace*, beyond what everybody may."""
    account = f"system:serviceaccount:{release.namespace}:{release.name}-{program}"
    mine = _rules(cluster, namespace, f"--as={account}")
    everybodys = _rules(cluster, namespace, f"--as=system:serviceaccount:{release.namespace}:nobody")
    return {key: verbs for key, verbs in mine.items() if everybodys.get(key) != verbs}


def _rules(cluster: Cluster, namespace: str, who: str) -> Rights:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = json.loads(
        cluster.kubectl("create", "--validate=false", "-f", "-", "-o", "json", who, text=json.dumps(review))
    )
    assert not answer["status"]["incomplete"]
    found: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for rule in answer["status"]["resourceRules"]:
        for group in rule["apiGroups"]:
            for what in rule["resources"]:
                for name in rule.get("resourceNames") or [""]:
                    found[group, what, name] |= set(rule["verbs"])
    return {key: frozenset(verbs) for key, verbs in found.items()}


def test_data_plane_may_read_its_snapshot_and_nothing_else(cluster: Cluster, gateway: Release) -> None:
    """Named ConfigMaps and Secrets of its own namespace, to read; nothing at all anywhere else."""
    parts = {part: names.object_name(gateway.name, part) for part in (*codec.PARTS, codec.INDEX)}
    wanted: Rights = {
        ("", "secrets" if part in codec.SECRET_PARTS else "configmaps", name): (
            frozenset(("get", "watch")) if part in codec.SECRET_PARTS else READ
        )
        for part, name in parts.items()
    }

    assert rights(cluster, gateway, "dataplane", namespace=gateway.namespace) == wanted
    assert rights(cluster, gateway, "dataplane", namespace="default") == {}


def test_operator_may_do_what_its_work_needs(cluster: Cluster, gateway: Release) -> None:
    """Everywhere: read our kinds, write statuses, key Secrets and Events; named objects and a Lease at home."""
    elsewhere = rights(cluster, gateway, "operator", namespace="default")
    wanted: Rights = {("sluice.dev", kind, ""): READ for kind in KINDS}
    wanted |= {("sluice.dev", f"{kind}/status", ""): frozenset(("patch", "update")) for kind in KINDS}
    wanted |= {("", what, ""): READ for what in ("configmaps", "namespaces")}
    wanted |= {("", "secrets", ""): READ | {"create", "patch"}}
    wanted |= {(group, "events", ""): frozenset(("create", "patch")) for group in ("", "events.k8s.io")}
    assert elsewhere == wanted

    at_home = {key: verbs for key, verbs in rights(cluster, gateway, "operator", namespace=gateway.namespace).items()
               if elsewhere.get(key) != verbs}  # fmt: skip
    unnamed = {key[:2]: verbs for key, verbs in at_home.items() if not key[2]}
    assert unnamed == {
        ("", "configmaps"): READ | {"create"},
        ("", "pods"): READ,
        ("coordination.k8s.io", "leases"): frozenset({"create"}),
    }
    named = {key[2] for key in at_home if key[2]}
    ours = {names.object_name(gateway.name, part) for part in (*codec.PARTS, codec.INDEX)}
    assert named == ours | {f"{gateway.name}-pepper", f"{gateway.name}-operator"}


@pytest.mark.parametrize("program", ["operator", "dataplane"])
def test_pods_can_change_nothing_but_their_data(program: str, cluster: Cluster, gateway: Release) -> None:
    """Inside: not root, no capability, no new privileges, seccomp on, a root file system that cannot be written."""
    look = ("exec", f"deployment/{gateway.name}-{program}", "--", "python3", "-c", INSIDE)

    assert json.loads(cluster.kubectl(*look, namespace=gateway.namespace)) == {
        "uid": 65532,
        "capabilities": 0,
        "no_new_privileges": "1",
        "seccomp": "2",
        "writable": [],
    }


def test_restricted_pod_security_is_enforced_where_we_run(cluster: Cluster, gateway: Release) -> None:
    """The namespace that the release runs in turns away a pod that asks for more than ours do."""
    with pytest.raises(KubeError, match="violates PodSecurity"):
        cluster.apply(_greedy_pod(), namespace=gateway.namespace)


def _greedy_pod() -> Manifest:
    container: dict[str, Any] = {"name": "greedy", "image": "none"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "greedy"}, "spec": {"containers": [container]}}
