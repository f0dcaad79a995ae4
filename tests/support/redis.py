"""A real redis-server for tests: on a free loopback port, in a folder of its own, gone when the test is."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

START_DEADLINE_S = 20.0


class RedisServer:
    """One redis-server.  ``options`` are those of redis.conf, with ``_`` for ``-``.

    Raises:
        RuntimeError: there is no redis-server on this machine; a test that needs one must fail, not be skipped.
    """

    def __init__(self, **options: str) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise RuntimeError("redis-server is not installed: apt-get install redis-server")
        self._binary = binary
        self._options = options
        self._folder = tempfile.TemporaryDirectory(prefix="sluice-redis-")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        password = options.get("requirepass")
        self.url = f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}/0"
        self.client: Any = redis.Redis.from_url(self.url, protocol=2)
        self.start()

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        options = {"save": "", "appendonly": "no", "bind": "127.0.0.1", "dir": self._folder.name, **self._options}
        args = [self._binary, "--port", str(self.port)]
        for name, value in options.items():
            args += [f"--{name.replace('_', '-')}", value]
        log = Path(self._folder.name, "log")
        with log.open("ab") as out:
            self._process = subprocess.Popen(args, stdout=out, stderr=out)
        with contextlib.closing(redis.Redis.from_url(self.url, protocol=2)) as client:
            client.connection_pool.connection_kwargs["retry"] = redis.retry.Retry(
                redis.backoff.ConstantBackoff(0.02), int(START_DEADLINE_S / 0.02)
            )
            try:
                client.ping()
            except redis.exceptions.RedisError as error:
                raise RuntimeError(f"redis-server did not start: {log.read_text()}") from error

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Keep it from answering: connections stay open, what is sent waits."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it and remove what it left."""
        self.client.close()
        self.kill()
        self._folder.cleanup()


@contextlib.contextmanager
def running_redis(**options: str) -> Iterator[RedisServer]:
    """A server for the length of a ``with``."""
    server = RedisServer(**options)
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
