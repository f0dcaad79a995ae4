"""Other servers than this machine's: newer ones, and Valkey, pass the same suite."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import redis_builds
from support.redis import OTHER

HERE = Path(__file__).parent
SUITE = ("test_store.py", "test_store_loss.py", "test_store_marks.py", "test_store_rolling.py", "test_redis.py")


@pytest.mark.skipif(OTHER in os.environ, reason=f"all tests run against {os.environ.get(OTHER)} already")
@pytest.mark.parametrize("build", redis_builds.BUILDS)
def test_the_stores_suite_holds_on_another_server(build: str) -> None:
    """What the counters promise they promise on every server that the reference names."""
    try:
        redis_builds.binary(build)
    except RuntimeError as error:
        pytest.skip(f"{build} cannot be had here: {error}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not memory"]
    done = subprocess.run(
        [*command, *(str(HERE / name) for name in SUITE)],
        env={**os.environ, OTHER: build},
        cwd=HERE.parents[3],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
