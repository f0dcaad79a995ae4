"""A real redis-server for tests: on a free loopback port, in a folder of its own, gone when the test is."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from support import redis_builds
from support.certificates import Certificates

START_DEADLINE_S = 20.0
OTHER = "SLUICE_TEST_REDIS"  # another server for all tests: a name of redis_builds.BUILDS, or a path


class RedisServer:
    """One redis-server.  ``options`` are those of redis.conf, with ``_`` for ``-``.

    With *certificates* it speaks TLS and nothing else.  *binary* is the usual one unless given.

    Raises:
        RuntimeError: there is no redis-server on this machine; a test that needs one must fail, not be skipped.
    """

    def __init__(
        self, *, binary: str | Path | None = None, certificates: Certificates | None = None, **options: str
    ) -> None:
        self._binary = str(binary or (usual_binary() if certificates is None else own_binary()))
        self._options = options
        self._certificates = certificates
        self._folder = tempfile.TemporaryDirectory(prefix="sluice-redis-")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        password = options.get("requirepass")
        login = f":{password}@" if password else ""
        self.url = f"redis://{login}127.0.0.1:{self.port}/0"
        if certificates is not None:
            self.url = f"rediss://{login}127.0.0.1:{self.port}/0?{certificates.query}"
        self.client: Any = redis.Redis.from_url(self.url, protocol=2)
        self.start()

    @property
    def folder(self) -> Path:
        """Where it keeps what it keeps."""
        return Path(self._folder.name)

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        options = {"save": "", "appendonly": "no", "bind": "127.0.0.1", "dir": self._folder.name, **self._options}
        if self._certificates is None:
            options["port"] = str(self.port)
        else:
            options |= {"port": "0", "tls-port": str(self.port), **self._certificates.options}
        args = [self._binary]
        for name, value in options.items():
            args += [f"--{name.replace('_', '-')}", value]
        log = self.folder / "log"
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
def running_redis(
    *, binary: str | Path | None = None, certificates: Certificates | None = None, **options: str
) -> Iterator[RedisServer]:
    """A server for the length of a ``with``."""
    server = RedisServer(binary=binary, certificates=certificates, **options)
    try:
        yield server
    finally:
        server.stop()


def usual_binary() -> str:
    """The server that tests use: the one that was asked for, else this machine's.

    Raises:
        RuntimeError: there is none.
    """
    asked = os.environ.get(OTHER, "")
    if asked in redis_builds.BUILDS:
        return str(redis_builds.binary(asked))
    return asked or own_binary()


def own_binary() -> str:
    """The server of this machine, which speaks TLS; not all others do."""
    found = shutil.which("redis-server")
    if found is None:
        raise RuntimeError("redis-server is not installed: apt-get install redis-server")
    return found


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
