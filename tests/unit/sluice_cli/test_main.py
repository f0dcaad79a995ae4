"""The command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluice_cli.__main__ import app

KEY = "apiVersion: sluice.dev/v1alpha1\nkind: VirtualKey\nmetadata: {name: app}\nspec: {SPEC}\n"


@pytest.mark.parametrize(
    ("spec", "options", "code"),
    [
        ("", [], 0),
        ("budgetRefs: [{name: nobody}]", [], 1),
        ("budgetRefs: [{name: nobody}]", ["--lenient"], 0),
        ("unheardOf: 1", [], 3),
        ("unheardOf: 1", ["--lenient"], 0),
    ],
)
def test_exit_code_says_what_became_of_it(tmp_path: Path, spec: str, options: list[str], code: int) -> None:
    """0: all is served; 1: something is not; 3: nothing was written.  Leniency makes both good."""
    manifests = tmp_path / "m"
    manifests.mkdir()
    (manifests / "key.yaml").write_text(KEY.replace("SPEC", spec))
    result = CliRunner().invoke(app, ["compile", str(manifests), "--out", str(tmp_path / "out"), *options])

    assert result.exit_code == code, result.output
    assert (tmp_path / "out").exists() == (code != 3)


@pytest.mark.parametrize("command", [["serve"], ["compile", "--out", "x"]])
def test_absent_folder_is_a_usage_error(tmp_path: Path, command: list[str]) -> None:
    """A folder that is not there is said before anything is started."""
    result = CliRunner().invoke(app, [command[0], str(tmp_path / "absent"), *command[1:]])

    assert result.exit_code == 2


def test_version_is_the_distributions() -> None:
    """``sluice version`` prints one version and nothing else."""
    result = CliRunner().invoke(app, ["version"])

    assert result.exit_code == 0
    assert result.output.strip().count(".") == 2
