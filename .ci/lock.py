# ruff: noqa: INP001  # a script, not a module
"""Write the lock files the images install from: exact versions with hashes, for every Python we support.

Run by ``make lock``; needs the package index.  Knows nothing of the images beyond where their locks are.
"""

import subprocess
import tempfile
import tomllib
import venv
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
RESOLVER: Final = "uv==0.9.*"
OLDEST_PYTHON: Final = "3.11"
HEADER: Final = "# Written by `make lock` from pyproject.toml; changes here are lost.\n"


def main() -> None:
    """Write the three locks, or change none if one cannot be resolved."""
    wanted = wanted_requirements(tomllib.loads((ROOT / "pyproject.toml").read_text()))
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch, with_pip=True)
        python = str(Path(scratch) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", RESOLVER], check=True)  # noqa: S603
        locks = {path: locked(python, requirements) for path, requirements in wanted.items()}
    for path, text in locks.items():
        (ROOT / path).write_text(HEADER + text)


def wanted_requirements(pyproject: dict[str, Any]) -> dict[str, list[str]]:
    """Requirements by lock file: what each image runs, and what builds the wheel."""
    project = pyproject["project"]
    base, extras = project["dependencies"], project["optional-dependencies"]
    return {
        "dataplane/requirements.lock": [*base, *extras["dataplane"]],
        "operator/requirements.lock": [*base, *extras["operator"]],
        "build.lock": [*pyproject["build-system"]["requires"]],
    }


def locked(python: str, requirements: list[str]) -> str:
    """The newest versions that fit *requirements*, with no trace of the index they came from."""
    command = [python, "-m", "uv", "pip", "compile", "-", "--universal", "--python-version", OLDEST_PYTHON, "--quiet"]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    text = "\n".join(requirements)
    return subprocess.run(command, check=True, text=True, input=text, stdout=subprocess.PIPE).stdout  # noqa: S603


if __name__ == "__main__":
    main()
