"""Virtual environments for programs that tests drive from outside: made once, kept in the user's cache folder."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

INSTALL_SECONDS = 900.0


def cache_folder() -> Path:
    """Where Sluice keeps what is expensive to get again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluice"


def python_with(name: str, *requirements: str) -> Path:
    """The Python of the environment *name*, which has *requirements*; made now if it is not there, or not whole.

    Raises:
        RuntimeError: pip could not install them; the message ends with its last words.
    """
    folder = cache_folder() / "venvs" / name
    wanted = "\n".join((*requirements, sys.version)) + "\n"
    stamp = folder / "complete"
    with locked(folder):
        if not stamp.is_file() or stamp.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(folder)])
            _run([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *requirements])
            stamp.write_text(wanted)
    return folder / "bin" / "python"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other process that asks for the same from *folder*; it may take as long as an installation."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        message = f"{' '.join(command)}: {(done.stderr or done.stdout)[-2000:]}"
        raise RuntimeError(message)
