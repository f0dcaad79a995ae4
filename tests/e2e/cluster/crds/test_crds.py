"""What the API server does with our CRDs: which manifests it takes, what it adds, what it prints."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from sluice_operator.resources import Invalid, parse
from support.apiserver import ApiServer
from support.crd_cases import FOLDER, Case, load_cases, load_crds, rule_messages

CASES = load_cases()
CREATES = [case for case in CASES if case.update is None]
UPDATES = [case for case in CASES if case.update is not None]
EXAMPLES = Path(__file__).parents[4] / "examples"
STRICT = {"fieldValidation": "Strict"}  # kubectl's default
DRY = {**STRICT, "dryRun": "All"}


def _url(plural: str, name: str = "") -> str:
    return f"/apis/sluice.dev/v1alpha1/namespaces/default/{plural}" + (f"/{name}" if name else "")


def _judge(case: Case, answer: httpx.Response) -> None:
    if case.expect:
        assert answer.status_code in (400, 422), answer.text
        assert case.expect in answer.json()["message"]
    else:
        assert answer.is_success, answer.json()["message"]


@pytest.mark.parametrize("case", CREATES, ids=lambda case: case.id)
def test_manifest_is_judged_as_its_folder_says(api: httpx.Client, case: Case) -> None:
    """The API server takes what is in accepted/, and refuses what is in refused/ with the words expected there."""
    answer = api.post(_url(case.plural), params=DRY, json=case.manifest)

    _judge(case, answer)


@pytest.mark.parametrize("case", [case for case in CREATES if not case.expect], ids=lambda case: case.id)
def test_defaults_of_the_api_server_are_those_of_files(api: httpx.Client, case: Case) -> None:
    """A manifest means the same with the API server's defaults filled in as it does read from a file."""
    filled = api.post(_url(case.plural), params=DRY, json=case.manifest).json()
    from_cluster, from_file = parse(filled), parse(case.manifest)

    assert not isinstance(from_cluster, Invalid)
    assert not isinstance(from_file, Invalid)
    assert from_cluster.spec == from_file.spec


@pytest.mark.parametrize("case", UPDATES, ids=lambda case: case.id)
def test_update_is_judged_as_its_folder_says(api: httpx.Client, case: Case) -> None:
    """An object that exists may change as in accepted/ and not as in refused/."""
    assert case.update is not None
    name = case.manifest["metadata"]["name"]
    created = api.post(_url(case.plural), params=STRICT, json=case.manifest)
    assert created.is_success, created.text

    try:
        version = created.json()["metadata"]["resourceVersion"]
        update = {**case.update, "metadata": {**case.update["metadata"], "resourceVersion": version}}
        _judge(case, api.put(_url(case.plural, name), params=DRY, json=update))
    finally:
        api.delete(_url(case.plural, name))


def test_manifests_go_through_kubectl_as_they_are_written(api_server: ApiServer) -> None:
    """What people write, kubectl's YAML reader included, arrives: no word of ours is another word's spelling there.

    The tests above send JSON, which Python's reader made of the files.
    """
    files = [FOLDER / f"{case.id}.yaml" for case in CREATES if not case.expect]
    files += sorted(EXAMPLES.glob("*/*.yaml"))

    applied = api_server.ask("apply", "--dry-run=server", *(f"--filename={path}" for path in files))

    assert applied.count("(server dry run)") >= len(files)


def test_every_rule_is_broken_by_a_refused_manifest() -> None:
    """No CEL rule is untested: some refused manifest expects its message."""
    expected = {case.expect for case in CASES}
    rules = {message for crd in load_crds().values() for message in rule_messages(crd)}

    assert {rule for rule in rules if not any(words and words in rule for words in expected)} == set()


@pytest.fixture
def budget(api: httpx.Client) -> Iterator[str]:
    """The name of a Budget that nobody has looked at."""
    manifest = next(case.manifest for case in CREATES if case.id == "budgets/accepted/smallest")
    api.post(_url("budgets"), json=manifest).raise_for_status()
    yield manifest["metadata"]["name"]
    api.delete(_url("budgets", manifest["metadata"]["name"]))


def _conditions(body: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {item["type"]: (item["status"], item["reason"]) for item in body["status"]["conditions"]}


def test_object_that_no_operator_has_seen_says_so(api: httpx.Client, budget: str) -> None:
    """Without an operator, Accepted and Ready are Unknown and Pending, not absent."""
    body = api.get(_url("budgets", budget)).json()

    assert _conditions(body) == {"Accepted": ("Unknown", "Pending"), "Ready": ("Unknown", "Pending")}


def test_watch_delivers_the_pending_status_too(api: httpx.Client, budget: str) -> None:
    """What a watcher (the operator) sees is what ``kubectl get`` shows."""
    with api.stream("GET", _url("budgets"), params={"watch": "true", "timeoutSeconds": "1"}) as stream:
        event = yaml.safe_load(next(stream.iter_lines()))

    assert _conditions(event["object"])["Accepted"] == ("Unknown", "Pending")


def test_operator_replaces_the_pending_conditions(api: httpx.Client, budget: str) -> None:
    """Once conditions are written, the default ones are gone; users cannot write the status by the way."""
    condition = {
        "type": "Accepted",
        "status": "True",
        "reason": "Accepted",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    patch = {"status": {"conditions": [condition], "spent": "1.5"}}
    merge = {"Content-Type": "application/merge-patch+json"}

    api.patch(_url("budgets", budget), headers=merge, json=patch).raise_for_status()
    assert "spent" not in api.get(_url("budgets", budget)).json()["status"]

    api.patch(_url("budgets", budget) + "/status", params=STRICT, headers=merge, json=patch).raise_for_status()
    assert _conditions(api.get(_url("budgets", budget)).json()) == {"Accepted": ("True", "Accepted")}


STATUSES: dict[str, dict[str, Any]] = {
    "modeldeployments": {
        "observedGeneration": 7,
        "modelName": "gpt-4o-mini",
        "targets": [{"name": "openai", "healthy": True, "reason": "OK"}],
        "targetSummary": "2/2",
        "programmed": {"current": 3, "total": 3, "revision": "9f31c2", "latencyMilliseconds": 420},
    },
    "virtualkeys": {
        "observedGeneration": 4,
        "keyID": "vk7h2k9q",
        "secretRef": {"name": "checkout-llm", "key": "api-key"},
        "credentials": [{"id": "c2", "state": "Active", "createdAt": "2026-09-01T00:00:00Z"}],
        "expiresAt": "2100-01-01T00:00:00Z",
        "lastUsedTime": "2026-01-01T00:00:00Z",
        "usage": {
            "period": "2026-09",
            "requests": 812,
            "inputTokens": 91002,
            "outputTokens": 31000,
            "cost": "1.842100",
            "currency": "USD",
            "at": "2026-09-01T00:00:00Z",
        },
        "effectiveBudgets": [{"namespace": "team-a", "name": "payments-month", "via": "Ref"}],
        "programmed": {"current": 3, "total": 3, "revision": "9f31c2", "latencyMilliseconds": 420},
    },
    "budgets": {
        "observedGeneration": 3,
        "period": {"id": "2026-09", "start": "2026-09-01T00:00:00Z", "end": "2026-10-01T00:00:00Z"},
        "effectiveLimit": "3000.00",
        "spent": "1201.334000",
        "held": "4.100000",
        "orphaned": "0",
        "remaining": "1794.566000",
        "usedPercent": 40,
        "projectedExhaustion": "2026-09-27T10:00:00Z",
        "at": "2026-09-12T10:00:00Z",
        "subjects": 14,
    },
    "modelproviders": {"observedGeneration": 1, "usedBy": 6, "secretVersion": "8891"},
}
TRUE_CONDITIONS = [
    {"type": type_, "status": "True", "reason": "Fine", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    for type_ in ("Accepted", "Programmed", "Active", "WithinBudget", "Ready")
]
COLUMNS = {
    "modeldeployments": "NAME MODEL TARGETS PROGRAMMED READY AGE ALIASES REASON",
    "virtualkeys": "NAME TEAM ACTIVE EXPIRES LAST_USED COST READY AGE KEYID REASON",
    "budgets": "NAME LIMIT SPENT USED% RESETS WITHIN READY AGE UNIT EFFECTIVE REASON",
    "modelproviders": "NAME TYPE USED_BY READY AGE URL REASON",
}
CELLS = {
    "modeldeployments": ["gpt-4o-mini", "2/2", "True", "True", '["fast","cheap"]', "Fine"],
    "virtualkeys": ["payments", "True", "2100-01-01T00:00:00Z", "1.842100", "True", "vk7h2k9q", "Fine"],
    "budgets": ["2500.00", "1201.334000", "40", "2026-10-01T00:00:00Z", "True", "True", "Cost", "3000.00", "Fine"],
    "modelproviders": ["AzureOpenAI", "6", "True", "https://example.openai.azure.com/openai/v1", "Fine"],
}


@pytest.fixture(params=sorted(STATUSES))
def seen(request: pytest.FixtureRequest, api: httpx.Client) -> Iterator[str]:
    """The plural of a kind whose one object has every field of spec and status."""
    plural: str = request.param
    manifest = next(case.manifest for case in CREATES if case.id == f"{plural}/accepted/everything")
    api.post(_url(plural), params=STRICT, json=manifest).raise_for_status()
    status = {"status": {**STATUSES[plural], "conditions": TRUE_CONDITIONS}}
    merge = {"Content-Type": "application/merge-patch+json"}
    answer = api.patch(_url(plural, "everything") + "/status", params=STRICT, headers=merge, json=status)
    assert answer.is_success, answer.text
    yield plural
    api.delete(_url(plural, "everything"))


def test_status_holds_every_field_and_every_column_is_filled(api_server: ApiServer, seen: str) -> None:
    """Every field of a status can be written, and ``kubectl get -o wide`` prints the columns in order, none empty."""
    header, row = api_server.ask("get", seen, "-o", "wide").splitlines()
    cells = row.split()

    assert header.replace("LAST USED", "LAST_USED").replace("USED BY", "USED_BY").split() == COLUMNS[seen].split()
    assert len(cells) == len(COLUMNS[seen].split())
    assert [cell for cell in cells if cell in CELLS[seen]] == CELLS[seen]


def test_short_names_and_category_work(api_server: ApiServer) -> None:
    """``kubectl get mdep,vkey,bud,mprov`` and ``kubectl get sluice`` find the kinds."""
    resources = api_server.ask("api-resources", "--api-group=sluice.dev", "--categories=sluice", "--no-headers")

    assert [line.split()[:2] for line in resources.splitlines()] == [
        ["budgets", "bud"],
        ["modeldeployments", "mdep"],
        ["modelproviders", "mprov"],
        ["virtualkeys", "vkey"],
    ]
