"""Where a standalone gateway keeps what, and who may use it."""

import subprocess
import sys
from pathlib import Path

import pytest

from sluice_cli.serving import InUseError, Places, default_data_dir, serve
from sluice_dataplane.settings import Settings

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_each_folder_has_its_own_data(tmp_path: Path) -> None:
    """Two folders of one name have different data, and one folder has the same by whatever path it is named."""
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    (tmp_path / "a" / "m").mkdir(parents=True)
    (tmp_path / "b" / "m").mkdir(parents=True)
    first = default_data_dir(tmp_path / "a" / "m", environ)

    assert first.parent == tmp_path / "state" / "sluice"
    assert first == default_data_dir(tmp_path / "b" / ".." / "a" / "m", environ)
    assert first != default_data_dir(tmp_path / "b" / "m", environ)


def test_data_is_used_by_one_process_at_a_time(tmp_path: Path) -> None:
    """A second gateway with the same data is refused before it touches anything: two would each spend the budgets."""
    data = tmp_path / "data"
    data.mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(InUseError, match="--data"):
            serve(Settings(), Places(tmp_path, data))
        assert holder.stdin is not None
        holder.stdin.close()

    assert [path.name for path in data.iterdir()] == ["lock"]


def test_serving_carries_nothing_of_compiling() -> None:
    """The serving process never imports the compiler's libraries: they would double its memory."""
    script = "import sys, sluice_cli.__main__, sluice_cli.serving; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert {"pydantic", "yaml", "genai_prices", "kopf", "kubernetes", "httpx", "sluice_operator"} & set(loaded) == set()
