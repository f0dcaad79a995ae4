"""What data planes wrote down: the usage records and the open holds in a journal."""

from pathlib import Path

from sluice_contract.usage import UsageRecord
from sluice_dataplane.usage import replay
from sluice_dataplane.usage.lines import SettleLine


def records(data_dir: Path) -> list[UsageRecord]:
    """Every usage record in the journal of the data plane that keeps its data in *data_dir*, oldest first."""
    return [record for path in sorted((data_dir / "journal").glob("*.log")) for record in segment_records(path)]


def segment_records(path: Path) -> list[UsageRecord]:
    """Every usage record in one segment, oldest first."""
    return [
        line.record for line in replay.read(path, _damaged) if isinstance(line, SettleLine) and line.record is not None
    ]


def _damaged(path: Path, offset: int, raw: bytes) -> None:
    # The last line may be in the middle of being written; any other one is read again by those who replay.
    assert not raw.endswith(b"\n"), f"{path.name} is damaged at {offset}"
