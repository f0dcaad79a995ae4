"""What the pod itself has: its environment, and the files that the cluster keeps fresh in it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from sluice_dataplane.upstream.identity.grants import IdentityFailedError

MAX_FILE_BYTES: Final = 64 * 1024


class Pod(msgspec.Struct, frozen=True):
    """*environ* is the process's; *trusted* are hosts that its identity may be shown to besides the clouds' own."""

    environ: Mapping[str, str] = {}
    trusted: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return "Pod(redacted)"

    def variable(self, *names: str) -> str:
        """The first of the variables *names* that is set.

        Raises:
            IdentityFailedError: none is; the message names the first.
        """
        for name in names:
            if value := self.environ.get(name):
                return value
        raise IdentityFailedError(f"{names[0]} is not set in the gateway's pod")

    async def token(self, variable: str) -> str:
        """What the file that *variable* names holds now; read each time, for the cluster replaces it.

        Raises:
            IdentityFailedError: there is none that can be sent.
        """
        return one_line(await read(self.variable(variable), variable), variable)


async def read(path: str, what: str) -> bytes:
    """What the file at *path*, which the message calls *what*, holds.

    Raises:
        IdentityFailedError: it cannot be read, or is too long to be a token.
    """
    try:
        content = await asyncio.to_thread(_read, Path(path))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise IdentityFailedError(f"the file of {what} cannot be read: {reason}") from None
    if len(content) > MAX_FILE_BYTES:
        raise IdentityFailedError(f"the file of {what} is too long to be a token")
    return content


def one_line(content: bytes, what: str) -> str:
    """*content* without the white space around it.

    Raises:
        IdentityFailedError: it is no token.
    """
    text = content.decode("latin-1").strip()
    if not text or not all("\x21" <= character <= "\x7e" for character in text):
        raise IdentityFailedError(f"the file of {what} holds no token")
    return text


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)
