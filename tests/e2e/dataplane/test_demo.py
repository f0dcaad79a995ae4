"""What a newcomer runs first."""

import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[3] / "examples" / "demo.py"
STEPS = ("a plain call", "a streamed call", "a wrong key", "3 a minute", "edited under a stream", "over a budget")


def test_the_demo_shows_every_step_and_what_it_cost() -> None:
    """`make demo` sees each promise of the quickstart kept, prints it with its cost, and exits 0."""
    ran = subprocess.run([sys.executable, DEMO], capture_output=True, text=True, timeout=180, check=False)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [step for step in STEPS if step not in ran.stdout] == []
    assert "of 0.020000 USD spent, none held" in ran.stdout


@pytest.mark.parametrize("broken", ["amount: 3,", 'amount: "0.02"'])
def test_the_demo_fails_when_a_limit_does_not_hold(broken: str, tmp_path: Path) -> None:
    """With a limit or a budget that lets everything through, the demo says which step failed and exits 1."""
    quickstart = tmp_path / "quickstart"
    quickstart.mkdir()
    for path in (DEMO.parent / "quickstart").glob("*.yaml"):
        (quickstart / path.name).write_text(
            path.read_text().replace(broken, broken.replace("3,", "30,").replace("0.02", "20"))
        )
    for name in ("demo.py", "local_model.py"):
        (tmp_path / name).write_text((DEMO.parent / name).read_text())
    ran = subprocess.run(
        [sys.executable, tmp_path / "demo.py"], capture_output=True, text=True, timeout=180, check=False
    )

    assert ran.returncode == 1
    assert "✗" in ran.stdout
