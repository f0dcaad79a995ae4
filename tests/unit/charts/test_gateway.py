"""What the chart renders, what it refuses, and that it agrees with the programs it starts."""

import dataclasses
import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluice_contract import codec, names
from sluice_dataplane.settings import Settings as DataplaneSettings
from sluice_operator import manifests
from sluice_operator.settings import Settings as OperatorSettings
from support.helm import CHART, ROOT, Manifest, RefusedError, objects, render

GOLDEN = Path(__file__).parent / "golden"
WITHOUT_CRDS: Manifest = {"crds": {"install": False}}
CASES: dict[str, Manifest] = {
    "default": {},
    "external-redis": {"redis": {"enabled": False, "existingSecret": {"name": "counters"}}},
    "one-replica": {"redis": {"enabled": False}, "dataplane": {"replicas": 1}},
    "two-namespaces": {"watchNamespaces": ["team-a", "team-b"]},
    "everything": {
        "fullnameOverride": "llm",
        "commonLabels": {"owner": "platform"},
        "imagePullSecrets": [{"name": "pull"}],
        "rbac": {"aggregateToView": False},
        "operator": {"image": {"digest": "sha256:" + "a" * 64}, "replicas": 2, "nodeSelector": {"pool": "system"}},
        "dataplane": {
            "image": {"repository": "registry.example.com/sluice-dataplane", "tag": "1.2.3"},
            "podAnnotations": {"note": "here"},
            "podLabels": {"tier": "edge"},
            "tolerations": [{"key": "edge", "operator": "Exists"}],
            "service": {"type": "LoadBalancer", "port": 8080, "annotations": {"internal": "true"}},
            "shutdown": {"preStopSeconds": 5, "delaySeconds": 3, "graceSeconds": 60},
            "autoscaling": {"enabled": True, "maxReplicas": 4},
            "extraEnv": [{"name": "SLUICE_MAX_INFLIGHT", "value": "100"}],
            "priorityClassName": "high",
            "serviceAccount": {"annotations": {"identity": "gateway"}},
        },
        "cloudIdentity": {
            "namespaces": ["platform"],
            "hosts": ["vpce.example.com"],
            "tokens": [{"name": "gcp", "audience": "//iam.googleapis.com/projects/1"}],
        },
        "redis": {"enabled": False, "url": "rediss://user:secret@redis.example.com:6379/1"},
        "otel": {"endpoint": "http://collector:4318"},
        "metrics": {"podMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
        "networkPolicy": {"enabled": True, "monitoringFrom": [{"namespaceSelector": {}}]},
    },
}


@pytest.mark.parametrize("case", CASES)
def test_chart_renders_what_was_reviewed(case: str) -> None:
    """No change of a template goes unseen.  SLUICE_UPDATE_GOLDEN=1 writes the files anew, for review."""
    golden = GOLDEN / f"{case}.yaml"
    text = render(CASES[case] | WITHOUT_CRDS)
    if os.environ.get("SLUICE_UPDATE_GOLDEN"):
        golden.write_text(text)

    assert golden.read_text() == text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"redis": {"enabled": False}}, "2 data plane replicas without Redis"),
        (
            {"redis": {"enabled": False}, "dataplane": {"replicas": 1, "autoscaling": {"enabled": True}}},
            "10 data plane replicas without Redis",
        ),
        ({"redis": {"url": "redis://x"}}, "set only one of redis.enabled, redis.url"),
        ({"redis": {"existingSecret": {"name": "x"}}}, "set only one of redis.enabled, redis.existingSecret"),
        ({"redis": {"enabled": False, "url": "http://x"}}, "/redis/url"),
        ({"dataplane": {"replica": 3}}, "'replica' not allowed"),
        ({"operator": {"logLevel": "loud"}}, "/operator/logLevel"),
        ({"fullnameOverride": "x" * 41}, "/fullnameOverride"),
        ({"cloudIdentity": {"tokens": [{"name": "gcp"}]}}, "/cloudIdentity/tokens/0"),
    ],
)
def test_chart_refuses(values: Manifest, message: str) -> None:
    """What would overspend, contradict itself or mean nothing is refused with a sentence that says why."""
    with pytest.raises(RefusedError, match=re.escape(message)):
        render(values)


def test_crds_are_the_ones_generated() -> None:
    """The chart's copy of the definitions is the generated one, byte for byte."""
    wanted = {path.name: path.read_text() for path in (ROOT / "crds").glob("*.yaml")}

    assert wanted == {path.name: path.read_text() for path in (CHART / "files" / "crds").glob("*.yaml")}


@pytest.mark.parametrize("keep", [True, False])
def test_crds_lose_nothing_in_rendering(*, keep: bool) -> None:
    """Definitions are rendered as generated, plus labels and, unless told otherwise, the wish to be kept."""
    shown = {each["metadata"]["name"]: each for each in objects({"crds": {"keep": keep}}, "CustomResourceDefinition")}
    wanted = [yaml.safe_load(path.read_text()) for path in (ROOT / "crds").glob("*.yaml")]

    assert {each["metadata"]["name"]: each["spec"] for each in wanted} == {
        name: each["spec"] for name, each in shown.items()
    }
    assert {keep} == {"helm.sh/resource-policy" in each["metadata"].get("annotations", {}) for each in shown.values()}


def test_data_plane_may_read_exactly_its_snapshot() -> None:
    """Its Role names the objects of the contract's parts and nothing else, and no other right is bound to it."""
    shown = objects(WITHOUT_CRDS)
    (role,) = [each for each in _of_kind("Role", shown) if each["metadata"]["name"] == "sluice-dataplane"]
    rights = {rule["resources"][0]: (set(rule["resourceNames"]), set(rule["verbs"])) for rule in role["rules"]}
    secret = {names.object_name("sluice", part) for part in codec.SECRET_PARTS}
    public = {names.object_name("sluice", part) for part in (*codec.PARTS, codec.INDEX)} - secret

    assert rights == {"configmaps": (public, {"get", "list", "watch"}), "secrets": (secret, {"get", "watch"})}
    bindings = [*_of_kind("RoleBinding", shown), *_of_kind("ClusterRoleBinding", shown)]
    assert [each["roleRef"]["name"] for each in bindings if each["subjects"][0]["name"] == "sluice-dataplane"] == [
        "sluice-dataplane"
    ]


def test_operator_reads_no_secret_outside_watched_namespaces() -> None:
    """With watchNamespaces, cluster-wide rights end at namespaces' labels."""
    shown = objects({"watchNamespaces": ["team-a"], "rbac": {"aggregateToView": False}})
    cluster_wide = {
        resource for role in _of_kind("ClusterRole", shown) for rule in role["rules"] for resource in rule["resources"]
    }

    assert cluster_wide == {"namespaces"}


def test_operator_finds_the_account_it_runs_as() -> None:
    """The ServiceAccount that compiled objects belong to is the operator's own, which it may look up by name."""
    shown, account = objects(WITHOUT_CRDS), manifests.account_name("sluice")
    (pod,) = [
        each["spec"]["template"]["spec"]
        for each in _of_kind("Deployment", shown)
        if each["metadata"]["name"] == "sluice-operator"
    ]
    (rule,) = [
        rule for role in _of_kind("Role", shown) for rule in role["rules"] if rule["resources"] == ["serviceaccounts"]
    ]

    assert pod["serviceAccountName"] == account
    assert account in {each["metadata"]["name"] for each in _of_kind("ServiceAccount", shown)}
    assert (rule["resourceNames"], rule["verbs"]) == ([account], ["get"])


@pytest.mark.parametrize(
    ("program", "settings"),
    [("operator", OperatorSettings), ("dataplane", DataplaneSettings)],
    ids=["operator", "dataplane"],
)
@pytest.mark.parametrize("case", CASES)
def test_programs_know_every_variable_they_are_given(case: str, program: str, settings: Any) -> None:
    """A SLUICE_ variable in a pod is a setting of the program in it, of the right form."""
    (container,) = [
        container
        for each in objects(CASES[case] | WITHOUT_CRDS, "Deployment")
        for container in each["spec"]["template"]["spec"]["containers"]
        if container["name"] == program
    ]
    known = {f"SLUICE_{field.name.upper()}" for field in dataclasses.fields(settings)}
    given = {item["name"]: item.get("value", "") for item in container["env"]}

    assert {name for name in given if name.startswith("SLUICE_")} <= known
    settings.from_env(given)


@pytest.mark.parametrize("case", CASES)
def test_pods_run_restricted(case: str) -> None:
    """Every container: not root, read-only root, no capability, seccomp, no service links."""
    for each in objects(CASES[case] | WITHOUT_CRDS, "Deployment"):
        pod = each["spec"]["template"]["spec"]

        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_grace_period_covers_sleep_and_streams() -> None:
    """The kubelet kills no pod that is still within its own time to shut down."""
    values = {"dataplane": {"shutdown": {"preStopSeconds": 7, "delaySeconds": 30, "graceSeconds": 90}}}
    (pod,) = [
        each["spec"]["template"]["spec"]
        for each in objects(values | WITHOUT_CRDS, "Deployment")
        if each["metadata"]["name"] == "sluice-dataplane"
    ]

    assert pod["terminationGracePeriodSeconds"] > 7 + 30 + 90


def test_every_value_is_in_the_schema_and_the_table() -> None:
    """values.yaml, values.schema.json and the README's table name the same values."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    table = (CHART / "README.md").read_text().split("## Values")[1]

    assert set(_leaves(values, schema)) == set(_schema_leaves(schema, schema)) - {"global"}
    for path in _leaves(values, schema):
        assert path in table or f"`.{path.rsplit('.', 1)[1]}`" in table, path


def test_schema_is_closed() -> None:
    """Wherever the schema names properties, no other is accepted."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    closed = [each["additionalProperties"] for each in _objects_with_properties(schema)]

    assert [False] * len(closed) == closed


def test_chart_has_the_packages_version() -> None:
    """One version for the distribution, the images and the chart."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert (version, version) == (chart["version"], chart["appVersion"])


def _of_kind(kind: str, manifests: list[Manifest]) -> list[Manifest]:
    return [each for each in manifests if each["kind"] == kind]


def _resolved(part: Manifest, schema: Manifest) -> Manifest:
    found: Manifest = schema["definitions"][part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part
    return found


def _schema_leaves(part: Manifest, schema: Manifest, path: str = "") -> Iterator[str]:
    resolved = _resolved(part, schema)
    if "properties" not in resolved:
        yield path
    for name, inner in resolved.get("properties", {}).items():
        yield from _schema_leaves(inner, schema, f"{path}.{name}" if path else name)


def _leaves(values: Any, schema: Manifest) -> Iterator[str]:
    """Paths of values.yaml down to where the schema names no further properties."""
    ends = set(_schema_leaves(schema, schema))

    def walk(value: Any, path: str) -> Iterator[str]:
        if path in ends or not isinstance(value, dict):
            yield path
        else:
            for name, inner in value.items():
                yield from walk(inner, f"{path}.{name}" if path else name)

    return walk(values, "")


def _objects_with_properties(part: Any) -> Iterator[Manifest]:
    if isinstance(part, dict):
        if isinstance(part.get("properties"), dict) and "type" in part:
            yield part
        for inner in part.values():
            yield from _objects_with_properties(inner)
