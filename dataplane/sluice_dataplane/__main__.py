"""``python -m sluice_dataplane``: a data plane in a pod, set by ``SLUICE_*`` variables (see settings.py)."""

import os
import sys
from typing import Final

import uvloop

from sluice_dataplane import app
from sluice_dataplane.config.cluster import ClusterSource
from sluice_dataplane.config.directory import DirectorySource
from sluice_dataplane.config.kube import Access
from sluice_dataplane.config.source import SnapshotSource
from sluice_dataplane.settings import Settings, SettingsInvalidError

EX_CONFIG: Final = 78  # sysexits.h: a configuration error, which no restart mends


def source_of(settings: Settings) -> SnapshotSource:
    """Where snapshots come from: the cluster's objects by name, or a directory they are mounted in."""
    if settings.source_dir is not None:
        return DirectorySource(settings.source_dir, release=settings.release)
    access = Access.in_cluster(os.environ)
    return ClusterSource(access, namespace=settings.namespace, release=settings.release)


def main() -> None:
    """Run until told to stop."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsInvalidError as error:
        sys.stderr.write(f"sluice-dataplane: {error}\n")
        sys.exit(EX_CONFIG)
    uvloop.run(app.run(settings, source_of(settings)))


if __name__ == "__main__":
    main()
