"""A real Redis on the simulation's clock: it can be wound back, wiped and restarted, and forgets nothing by itself.

Scripts that ask for the time or for what INFO says of the server are given the simulation's word.
"""

import contextlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import hiredis

from sluice_dataplane.limits.scripts import Command, Script, Scripts
from support.redis import RedisServer, running_redis

SIM: Final = "{sluice}:sim"  # what the scripts are told in place of the server's word
TIME: Final = f"redis.call('HMGET', '{SIM}', 's', 'us')"
INFO: Final = f"(redis.call('HGET', '{SIM}', 'info'))"
REPLIES_DEADLINE_S: Final = 60.0

Image = Mapping[bytes, bytes]


class Wire:
    """A conversation with a Redis, one command after the other."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(REPLIES_DEADLINE_S)
        self._socket.connect(str(path))
        self._reader = hiredis.Reader()

    def pipe(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to *commands*, which are sent together; errors are among them."""
        self._socket.sendall(b"".join([_packed(each) for each in commands]))
        replies: list[Any] = []
        while len(replies) < len(commands):
            reply = self._reader.gets()
            if reply is False:
                self._reader.feed(self._socket.recv(65536))
            else:
                replies.append(reply)
        return replies

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _packed(command: Command) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub knows tuples of one
    return packed


class Clockwork:
    """One Redis, its clock, its process and its past."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._told_ms = -1
        self._runs = 0

    def begin(self, scripts: Scripts) -> None:
        """Forget everything, and learn *scripts*."""
        self._runs = 0
        self.rewind({})
        for reply in self._wire.pipe([("SCRIPT", "LOAD", script.text) for script in scripts.all()]):
            _checked(reply)

    def execute(self, command: Command, now_ms: int) -> Any:
        """The reply to *command* at *now_ms*, which may be an error."""
        if now_ms == self._told_ms:
            return self._wire.pipe([command])[0]
        self._told_ms = now_ms
        return self._wire.pipe([("HSET", SIM, "s", now_ms // 1000, "us", now_ms % 1000 * 1000), command])[1]

    def restart(self) -> None:
        """Be another process with the same memory."""
        self._runs += 1
        info = f"# Server\r\nredis_version:7.0.15\r\nrun_id:{self._runs:040x}\r\nmaxmemory_policy:noeviction\r\n"
        _checked(self._wire.pipe([("HSET", SIM, "info", info)])[0])

    def image(self) -> Image:
        """All that it knows now."""
        keys = [key for key in self.ask("KEYS", "*") if key != SIM.encode()]
        return dict(zip(keys, self._wire.pipe([("DUMP", key) for key in keys]), strict=True))

    def rewind(self, image: Image) -> None:
        """Be as *image* has it, in a new process; {} is one with an empty disk."""
        restores: list[Command] = [("RESTORE", key, 0, dump) for key, dump in image.items()]
        self._told_ms = -1
        for reply in self._wire.pipe([("FLUSHALL",), *restores]):
            _checked(reply)
        self.restart()

    def hashes(self, keys: Sequence[str]) -> list[dict[str, str]]:
        """What lies under *keys*; {} for nothing, or for what is no hash."""
        if not keys:
            return []
        found = self._wire.pipe([("HGETALL", key) for key in keys])
        return [{each[i].decode(): each[i + 1].decode() for i in range(0, len(each), 2)} for each in found]

    def ask(self, *command: bytes | str | int) -> Any:
        """The reply to a question that changes nothing."""
        return _checked(self._wire.pipe([command])[0])


def _checked(reply: Any) -> Any:
    if isinstance(reply, Exception):
        raise reply
    return reply


def simulated(scripts: Scripts) -> Scripts:
    """*scripts*, asking the simulation for the time and the server's run id."""
    return Scripts(*(Script.of(simulated_text(script.text)) for script in scripts.all()))


def simulated_text(text: str) -> str:
    """As :func:`simulated`, of one text."""
    return text.replace("redis.call('TIME')", TIME).replace("redis.call('INFO', 'server')", INFO)


@contextlib.contextmanager
def running_clockwork() -> Iterator[Clockwork]:
    """A Redis of one's own, for the length of a ``with``."""
    with running_redis(unixsocket="redis.sock") as server, contextlib.closing(Wire(socket_of(server))) as wire:
        yield Clockwork(wire)


def socket_of(server: RedisServer) -> Path:
    """Where *server*, which was started with a socket called redis.sock, has it."""
    return Path(server.client.config_get("dir")["dir"], "redis.sock")
