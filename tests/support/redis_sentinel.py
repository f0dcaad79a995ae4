"""A Redis that fails over: a master, its replica, and Sentinels that watch them; all real, on loopback."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import redis

from support.certificates import Certificates
from support.redis import RedisServer, free_port, usual_binary

MASTER = "main"  # the name that the Sentinels know it by
PATIENT_MS = 10_000  # how long a master must be silent before it is given up; none is by mistake
NOTICED_MS = 400  # … where one is to be


class Sentinel:
    """One Sentinel; it watches from the start."""

    def __init__(self, watched: RedisServer, *, quorum: int, password: str = "", **monitored: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sluice-sentinel-")
        self.port = free_port()
        options: Mapping[str, str] = {
            "down-after-milliseconds": str(NOTICED_MS),
            "failover-timeout": "2000",
            **monitored,
        }
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self._folder.name}",
            *([f"requirepass {password}"] if password else []),
            f"sentinel monitor {MASTER} 127.0.0.1 {watched.port} {quorum}",
            *(f"sentinel {option} {MASTER} {value}" for option, value in options.items()),
        ]
        config = Path(self._folder.name, "sentinel.conf")
        config.write_text("\n".join(lines) + "\n")
        with Path(self._folder.name, "log").open("ab") as out:
            self._process = subprocess.Popen([usual_binary(), str(config), "--sentinel"], stdout=out, stderr=out)
        self.client: Any = redis.Redis(port=self.port, password=password or None, protocol=2, decode_responses=True)

    def master_port(self) -> int:
        """Who is the master, as it sees it; 0 while it does not answer."""
        with contextlib.suppress(redis.exceptions.RedisError):
            told = self.client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
            return int(told[1]) if told else 0
        return 0

    def knows(self, *, replicas: int, sentinels: int) -> bool:
        """Whether it has found so many replicas and so many other Sentinels."""
        with contextlib.suppress(redis.exceptions.RedisError):
            told = self.client.execute_command("SENTINEL", "MASTER", MASTER)
            said = told if isinstance(told, dict) else dict(zip(told[::2], told[1::2], strict=True))
            return int(said["num-slaves"]) == replicas and int(said["num-other-sentinels"]) == sentinels
        return False

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it and remove what it left."""
        self.client.close()
        self.kill()
        self._folder.cleanup()


class Watched:
    """The whole; ``master`` and ``replica`` are what they were at the beginning."""

    def __init__(self, master: RedisServer, replica: RedisServer, sentinels: list[Sentinel]) -> None:
        self.master = master
        self.replica = replica
        self.sentinels = sentinels

    def ready(self) -> bool:
        """Whether everybody knows everybody, and the replica has all that the master has."""
        others = len(self.sentinels) - 1
        synced = self.replica.client.info("replication")["master_link_status"] == "up"
        return synced and all(sentinel.knows(replicas=1, sentinels=others) for sentinel in self.sentinels)

    def failed_over(self) -> bool:
        """Whether every Sentinel that lives says that the replica is the master now, and it says so itself."""
        ports = {sentinel.master_port() for sentinel in self.sentinels} - {0}
        return ports == {self.replica.port} and self.replica.client.role()[0] == b"master"

    def url(self, *, login: str = "", database: int = 0, query: str = "") -> str:
        """Where it is."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{login}{hosts}/{MASTER}/{database}{'?' if query else ''}{query}"


@contextlib.contextmanager
def running_sentinels(
    count: int = 3,
    *,
    fails_over: bool = False,
    sentinel_password: str = "",
    certificates: Certificates | None = None,
    **options: str,
) -> Iterator[Watched]:
    """A master, a replica and *count* Sentinels, not yet :meth:`~Watched.ready`; *options* are the servers'."""
    password = options.get("requirepass")
    shared = {**options, "repl-diskless-sync-delay": "0", **({"masterauth": password} if password else {})}
    monitored = {"auth-pass": password} if password else {}
    if fails_over:
        monitored["down-after-milliseconds"] = str(NOTICED_MS)
    with contextlib.ExitStack() as stack:
        master = RedisServer(binary=None, certificates=certificates, **shared)
        stack.callback(master.stop)
        replica = RedisServer(binary=None, certificates=certificates, replicaof=f"127.0.0.1 {master.port}", **shared)
        stack.callback(replica.stop)
        master.client.set("before-the-sentinels", "1")
        master.client.wait(1, 4_000)  # they look for replicas at once, and then every ten seconds
        sentinels: list[Sentinel] = []
        for _ in range(count):
            sentinels.append(Sentinel(master, quorum=count // 2 + 1, password=sentinel_password, **monitored))
            stack.callback(sentinels[-1].stop)
        yield Watched(master, replica, sentinels)
