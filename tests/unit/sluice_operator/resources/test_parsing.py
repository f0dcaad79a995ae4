"""Manifests into resources, and why not."""

import datetime as dt
from typing import Any

import pytest
import yaml

from sluice_operator.errors import ManifestInvalidError
from sluice_operator.resources import Budget, Invalid, ModelDeployment, VirtualKey, parse

SECRET = "sk-do-not-print"


def key(spec: Any = None, **top: Any) -> dict[str, Any]:
    """A VirtualKey's manifest."""
    return {
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "VirtualKey",
        "metadata": {"name": "checkout"},
        "spec": {} if spec is None else spec,
        **top,
    }


def refused(manifest: dict[str, Any]) -> Invalid:
    """What parse says of a manifest that must not pass."""
    result = parse(manifest)
    assert isinstance(result, Invalid)
    return result


def accepted(manifest: dict[str, Any]) -> VirtualKey:
    """The VirtualKey of a manifest that must pass."""
    result = parse(manifest)
    assert isinstance(result, VirtualKey), result
    return result


def test_file_needs_no_identity() -> None:
    """Without uid, generation and namespace a manifest gets those of a first generation in ``default``."""
    meta = accepted(key()).metadata

    assert (meta.namespace, meta.generation, meta.creation_timestamp) == ("default", 1, None)
    assert len(meta.uid) == 36


def test_uid_of_a_file_stays_while_its_name_does() -> None:
    """The derived uid depends on kind, namespace and name, and on nothing else: spend and key ids hang on it."""
    here = accepted(key()).metadata.uid
    edited = accepted(key({"suspended": True})).metadata.uid
    elsewhere = accepted(key(metadata={"name": "checkout", "namespace": "other"})).metadata.uid
    other_kind = parse({**key({"type": "Echo"}), "kind": "ModelProvider"})

    assert not isinstance(other_kind, Invalid)
    assert here == edited
    assert len({here, elsewhere, other_kind.metadata.uid}) == 3


def test_derived_uid_is_the_same_in_every_release() -> None:
    """The rule that derives uids never changes: on disk, spend is kept under them."""
    assert accepted(key()).metadata.uid == "cdf7f845-fd11-5062-8f31-05a1e1ccc280"


def test_cluster_object_keeps_its_identity_and_loses_its_status() -> None:
    """uid, generation, creation and labels are the API server's; its other metadata and the status are left aside."""
    metadata = {
        "name": "checkout",
        "namespace": "team-a",
        "uid": "84942823-6662-4e8d-aa68-7d7216413e4b",
        "generation": 4,
        "creationTimestamp": "2026-11-21T08:17:24Z",
        "labels": {"team": "payments"},
        "managedFields": [{"anything": None}],
        "annotations": {"a": "b"},
    }

    meta = accepted(key(metadata=metadata, status={"whatever": [1, None]})).metadata

    assert (meta.uid, meta.generation, meta.labels) == (metadata["uid"], 4, {"team": "payments"})
    assert meta.creation_timestamp == dt.datetime(2026, 11, 21, 8, 17, 24, tzinfo=dt.UTC)


def test_message_names_the_path_and_what_is_expected() -> None:
    """A refusal says where and what should be there."""
    message = refused(key({"limits": [{"name": "a", "unit": "Requests", "amount": -1, "window": "1m"}]})).message

    assert message == "spec.limits[0].amount: Input should be greater than or equal to 0"


def test_refusal_says_who_it_is_about() -> None:
    """Invalid carries the identity that the status will be written to."""
    metadata = {"name": "checkout", "namespace": "team-a", "uid": "u-1", "generation": 7}

    invalid = refused(key({"nonsense": 1}, metadata=metadata))

    assert (invalid.kind, invalid.namespace, invalid.name) == ("VirtualKey", "team-a", "checkout")
    assert (invalid.uid, invalid.generation, invalid.message) == ("u-1", 7, "spec.nonsense: unknown field")


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "Hash", "hash": {"keyHash": SECRET}},
        {"generated": {"secretName": SECRET + "/"}},
        {"generated": SECRET},
        {"type": SECRET},
        {"ttl": SECRET},
        {"expiresAt": SECRET},
        {"maxParallelRequests": SECRET},
        {"allowedCIDRs": [SECRET]},
        {"allowedCIDRs": ["10.0.0.1/8"], "owner": {"team": SECRET, "labels": {"a": SECRET + " "}}},
        SECRET,
        [SECRET],
    ],
)
def test_message_never_quotes_a_value(spec: Any) -> None:
    """A secret in the wrong place does not reach a status, an event or a log through the refusal."""
    assert SECRET not in repr(refused(key(spec)))


def test_many_faults_are_summed_up() -> None:
    """The first five are told and the others counted, so that a message stays short."""
    message = refused(key({f"field{n}": n for n in range(8)})).message

    assert message.count("unknown field") == 5
    assert message.endswith("; and 3 more")


def test_faulty_member_is_not_also_called_missing() -> None:
    """A bad target is one fault, not also a list with too few targets."""
    manifest = {**key({"targets": [{"name": "a", "weight": -1}]}), "kind": "ModelDeployment"}

    message = refused(manifest).message

    assert message == "spec.targets[0].weight: Input should be greater than or equal to 0"


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (None, "spec"),
        ({"models": {"allow": None}}, "spec.models.allow"),
        ({"limits": [None]}, "spec.limits[0]"),
        ({"suspended": None}, "spec.suspended"),
    ],
)
def test_null_is_not_absent(spec: Any, path: str) -> None:
    """An empty value in a file is refused: ``allow:`` with nothing behind it must not mean every model."""
    manifest = {**key(), "spec": spec}

    assert refused(manifest).message == f"{path}: has no value: give it one or leave it out"


@pytest.mark.parametrize("kind", ["Secret", "virtualkey", None, 7, ["VirtualKey"]])
def test_manifest_of_another_kind_is_an_error(kind: Any) -> None:
    """What is not ours is the caller's to sort out, and no Invalid resource."""
    with pytest.raises(ManifestInvalidError, match="kind: should be one of"):
        parse({**key(), "kind": kind})


@pytest.mark.parametrize(
    ("top", "path"),
    [
        ({"apiVersion": "sluice.dev/v1"}, "apiVersion"),
        ({"data": {}}, "data"),
        ({"metadata": {}}, "metadata.name"),
        ({"metadata": "checkout"}, "metadata.name"),
        ({"metadata": {"name": "Check Out"}}, "metadata.name"),
        ({"metadata": {"name": "a", "namespace": "A"}}, "metadata.namespace"),
        ({"metadata": {"name": "a", "labels": {"a": 1}}}, "metadata.labels.a"),
    ],
)
def test_everything_around_the_spec_is_checked_too(top: dict[str, Any], path: str) -> None:
    """Outside a cluster there is no API server to check apiVersion, names and labels."""
    assert refused({**key(), **top}).message.startswith(f"{path}: ")


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", float("nan"), 2**70, object()])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    """YAML can hold sets, bytes and NaN: a refusal, not a crash."""
    assert refused(key({"maxParallelRequests": value})).message


def test_manifest_that_contains_itself_is_refused() -> None:
    """A YAML anchor can make a circle: a refusal, not a crash."""
    circle: dict[str, Any] = {}
    circle["spec"] = circle

    assert refused(key(circle)).message


def test_moment_may_be_written_without_quotes() -> None:
    """YAML reads an unquoted moment as a date and time of its own."""
    manifest = yaml.safe_load("{expiresAt: 2027-01-01T00:00:00Z}")

    assert accepted(key(manifest)).spec.expires_at == dt.datetime(2027, 1, 1, tzinfo=dt.UTC)


def test_number_is_not_read_from_text_nor_text_from_a_number() -> None:
    """Types are as strict as the API server's."""
    assert refused(key({"maxParallelRequests": "5"})).message.startswith("spec.maxParallelRequests")
    assert refused(key({"maxParallelRequests": True})).message.startswith("spec.maxParallelRequests")
    assert refused(key({"owner": {"costCenter": 4711}})).message.startswith("spec.owner.costCenter")


def test_resource_cannot_be_changed() -> None:
    """What was parsed stays as it is."""
    with pytest.raises(ValueError, match="frozen"):
        accepted(key()).spec.suspended = True


SMALLEST = """
apiVersion: sluice.dev/v1alpha1
kind: ModelDeployment
metadata: {name: gpt-4o-mini}
spec:
  targets:
  - name: openai
    provider: {type: OpenAI, auth: {type: APIKey, apiKey: {secretRef: {name: openai, key: api-key}}}}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualKey
metadata: {name: checkout}
spec: {budgetRefs: [{name: checkout}], limits: [{name: rpm, unit: Requests, amount: 60, window: 1m}]}
---
apiVersion: sluice.dev/v1alpha1
kind: Budget
metadata: {name: checkout}
spec:
  limit: {unit: Cost, amount: "50", currency: USD}
  period: {type: Calendar, calendar: {unit: Month, timeZone: UTC}}
"""


def test_smallest_useful_file_is_enough() -> None:
    """One model, one key and one budget in fifteen lines."""
    kinds = [type(parse(document)) for document in yaml.safe_load_all(SMALLEST)]

    assert kinds == [ModelDeployment, VirtualKey, Budget]
