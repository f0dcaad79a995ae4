"""Environments of real clients, each in a folder of its own in the user's cache; versions are pinned in files.

Python's come from ``tests/e2e/clients/requirements/<name>.txt``, Node's from ``tests/e2e/clients/node/<name>``.  Node
itself is a wheel: the same everywhere, and newer than what distributions have.
"""

import os
import shutil
import subprocess
from pathlib import Path

from support.venvs import INSTALL_SECONDS, cache_folder, locked, python_with

CLIENTS = Path(__file__).parents[2] / "e2e" / "clients"


def client_python(name: str) -> Path:
    """The Python of the environment *name*; made now if it is not there.  Raises RuntimeError."""
    lines = (CLIENTS / "requirements" / f"{name}.txt").read_text().split()
    return python_with(f"client-{name}", "--no-deps", *lines)


def node_folder() -> Path:
    """Where ``node`` and ``npm`` are.  Raises RuntimeError."""
    return client_python("node").parent


def client_node(name: str) -> Path:
    """The folder that has *name*'s ``node_modules``; filled now if it is not.  Raises RuntimeError."""
    wanted = (CLIENTS / "node" / name / "package.json").read_text()
    folder = cache_folder() / "node" / name
    stamp = folder / "complete"
    node = node_folder()
    with locked(folder):
        if not stamp.is_file() or stamp.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / "package.json").write_text(wanted)
            _npm_install(node, folder)
            stamp.write_text(wanted)
    return folder


def _npm_install(node: Path, folder: Path) -> None:
    """What the packages' own install scripts would do is not needed, and not done."""
    options = ("--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
    done = subprocess.run(
        [node / "npm", "install", *options],
        cwd=folder,
        env={**os.environ, "PATH": f"{node}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode:
        message = f"npm install in {folder}: {(done.stderr or done.stdout)[-2000:]}"
        raise RuntimeError(message)
