"""The Lua scripts, put together from the files beside this module.  Pure: knows no connection."""

import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Final

import msgspec

Command = tuple[bytes | str | int, ...]

_PARTS: Final[Mapping[str, tuple[str, ...]]] = {  # what a script needs besides the prelude
    "reserve": ("standing",),
    "apply": ("marks", "usage"),
    "skip": ("marks",),
}


class Script(msgspec.Struct, frozen=True):
    """One Lua script and the digest Redis knows it by."""

    text: str
    sha: str

    @classmethod
    def of(cls, text: str) -> "Script":
        """The script with that *text*."""
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())

    def command(self, keys: Sequence[str], args: Sequence[bytes | str | int]) -> Command:
        """The command that runs it."""
        return ("EVALSHA", self.sha, len(keys), *keys, *args)


class Scripts(msgspec.Struct, frozen=True):
    """All of them, each whole in itself."""

    reserve: Script
    apply: Script
    skip: Script
    extend: Script
    reap: Script
    hello: Script
    caught_up: Script
    checkpoint: Script
    restore: Script

    @classmethod
    def load(cls) -> "Scripts":
        """The scripts that lie beside this module."""
        return cls(**{name: Script.of(_whole(name)) for name in cls.__struct_fields__})

    def all(self) -> tuple[Script, ...]:
        """Each of them, in the order of the fields."""
        return msgspec.structs.astuple(self)


def _whole(name: str) -> str:
    """The script *name* after its parts; a line that tells Redis how to run it stays the first."""
    flags, body = "", _read(name)
    if body.startswith("#!"):
        flags, _, body = body.partition("\n")
        flags += "\n"
    return flags + "".join(_read(part) for part in ("prelude", *_PARTS.get(name, ()))) + body


def _read(name: str) -> str:
    return (resources.files(__package__) / f"{name}.lua").read_text("utf-8")
