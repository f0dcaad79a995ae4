"""``sluice-operator``: settings from the environment, then run until told to stop.

Exits 0 when it was told to stop, 1 when the Lease was lost or something unforeseen happened (the kubelet starts it
again), 2 when a setting cannot be used.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys

from sluice_operator.app import operate
from sluice_operator.cluster.lease import LeaseLostError
from sluice_operator.errors import ClusterError, SettingsInvalidError
from sluice_operator.settings import Settings
from sluice_operator.telemetry import configure_logging

# A compilation makes a million small values and no cycles; looking for some takes half of its time with the defaults.
_GC_THRESHOLDS = (100_000, 20, 20)

log = logging.getLogger("sluice_operator")


def main() -> None:
    """Run the operator; never returns."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsInvalidError as error:
        sys.stderr.write(f"sluice-operator: {error}\n")
        sys.exit(2)
    configure_logging(settings.log_level)
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        asyncio.run(_until_stopped(settings))
    except (LeaseLostError, ClusterError) as error:
        log.error("ended", extra={"reason": str(error)})  # noqa: TRY400  # the message says it all
        sys.exit(1)
    sys.exit(0)


async def _until_stopped(settings: Settings) -> None:
    running = asyncio.current_task()
    assert running is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await operate(settings)


if __name__ == "__main__":
    main()
