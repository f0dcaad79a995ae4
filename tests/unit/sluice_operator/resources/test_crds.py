"""The CRDs' text, and the command that writes it."""

from pathlib import Path

import pytest
import yaml

from sluice_operator.resources.crds import main, rendered
from support.crd_cases import CRDS, load_crds


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
