"""Copies of damaged lines."""

from pathlib import Path

from sluice_dataplane.usage import quarantine


def test_copies_are_bounded(tmp_path: Path) -> None:
    """Copies of damaged lines are kept, each once, no more than the limit, none larger than the limit."""
    for offset in range(quarantine.MAX_FILES + 10):
        raw = b"x" * (quarantine.MAX_BYTES + 1 if offset == 0 else 1)
        for _ in range(2):
            quarantine.keep(tmp_path, Path("00000001.log"), offset, raw)
    copies = list((tmp_path / "quarantine").iterdir())

    assert len(copies) == quarantine.MAX_FILES
    assert max(copy.stat().st_size for copy in copies) == quarantine.MAX_BYTES
