"""``python -m support.other_time``: a data plane as in a pod, which believes it is SHIFT_MS later than it is."""

import os

import uvloop

from sluice_dataplane import app
from sluice_dataplane.__main__ import source_of
from sluice_dataplane.app.plane import wall_ms
from sluice_dataplane.settings import Settings

SHIFT_MS = "SHIFT_MS"


def main() -> None:
    """Run until told to stop."""
    shift_ms = int(os.environ.pop(SHIFT_MS))
    settings = Settings.from_env(os.environ)
    uvloop.run(app.run(settings, source_of(settings), clock_ms=lambda: wall_ms() + shift_ms))


if __name__ == "__main__":
    main()
