"""What proves who we are, as it was fetched: a token, or keys that requests are signed with; and what fetches it."""

from typing import Protocol

import msgspec


class IdentityFailedError(Exception):
    """What proves who we are cannot be had.  The message says why, and holds no secret, token, key or assertion."""


class Bearer(msgspec.Struct, frozen=True):
    """A token that is sent as it is."""

    token: str

    def __repr__(self) -> str:
        return "Bearer(redacted)"


class SigningKeys(msgspec.Struct, frozen=True):
    """Keys of AWS that requests are signed with; ``session_token`` is empty for those that last for ever."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return "SigningKeys(redacted)"


class Grant(msgspec.Struct, frozen=True):
    """What was fetched, and how many seconds it is good for, counted from before it was asked for; None: for ever."""

    what: Bearer | SigningKeys
    lives_s: float | None = None


class Source(Protocol):
    """Fetches what proves who we are."""

    async def fetch(self) -> Grant:
        """A new one each time.

        Raises:
            IdentityFailedError: there is none.
        """
        ...
