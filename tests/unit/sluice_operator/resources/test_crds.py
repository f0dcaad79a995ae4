"""The CRDs' text, and the command that writes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluice_operator.resources.crds import main, rendered
from support.crd_cases import CRDS, load_crds

YAML_BOOLEANS = {"y", "n", "yes", "no", "on", "off", "true", "false"}


def test_delivered_files_are_what_the_models_say() -> None:
    """crds/ is generated: after a change of the models, ``make crds`` was run."""
    delivered = {path.name: path.read_text(encoding="utf-8") for path in CRDS.glob("*.yaml")}

    assert delivered == rendered()


def test_command_writes_every_file_into_every_folder(tmp_path: Path) -> None:
    """The chart's copy is written with the same command."""
    folders = [tmp_path / "one", tmp_path / "two" / "deep"]

    assert main([str(folder) for folder in folders]) == 0
    for folder in folders:
        assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == rendered()


def test_command_without_a_folder_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written, and the exit status says so."""
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_text_has_no_aliases() -> None:
    """Kubernetes' reader takes YAML aliases, people do not."""
    assert not any(" &id" in text or " *id" in text for text in rendered().values())


@pytest.mark.parametrize(
    ("plural", "short"),
    [("modeldeployments", "mdep"), ("virtualkeys", "vkey"), ("budgets", "bud"), ("modelproviders", "mprov")],
)
def test_kind_is_namespaced_with_a_short_name_and_a_status_of_its_own(plural: str, short: str) -> None:
    """What ``kubectl`` and RBAC rely on."""
    crd = load_crds()[plural]

    assert crd["metadata"]["name"] == f"{plural}.sluice.dev"
    assert (crd["spec"]["scope"], crd["spec"]["names"]["shortNames"]) == ("Namespaced", [short])
    assert crd["spec"]["names"]["categories"] == ["sluice"]
    [version] = crd["spec"]["versions"]
    assert (version["name"], version["subresources"]) == ("v1alpha1", {"status": {}})


def test_files_are_plain_yaml() -> None:
    """Each file is one document that any reader takes."""
    assert all(yaml.safe_load(text)["kind"] == "CustomResourceDefinition" for text in rendered().values())


def _words(node: Any) -> Iterator[str]:
    """Every name of a field and every word of an enum in a schema."""
    for name, inner in node.get("properties", {}).items():
        yield name
        yield from _words(inner)
    yield from (word for word in node.get("enum", ()) if isinstance(word, str))
    for inner in (node.get("items"), node.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from _words(inner)


def test_every_word_is_read_as_itself() -> None:
    """No word that users write is a boolean to YAML 1.1, which kubectl reads: ``on``, ``no``, ``y``."""
    versions = [crd["spec"]["versions"][0] for crd in load_crds().values()]
    words = {
        word for version in versions for word in _words(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
    }

    assert "causes" in words
    assert {word for word in words if word.lower() in YAML_BOOLEANS} == set()
