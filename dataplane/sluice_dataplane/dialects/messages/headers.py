"""Anthropic's wire: which headers of a client go on to the provider.

Only these two are the wire's own.  Others in their namespace say whom to bill or where to look (``anthropic-workspace-
id``, ``anthropic-user-profile-id``: the provider's account is the gateway's to choose), or that a browser holds the
key (``anthropic-dangerous-direct-browser-access``: it holds none of the provider's).
"""

from typing import Final

from sluice_contract.quirks import VERTEX_CLAUDE
from sluice_dataplane.exchange import Headers

VERSION: Final = "2023-06-01"  # where the client names none: it takes all that the newer one does, and more
NEW_VERSION: Final = "2026-10-21"
SENT: Final = ("anthropic-version", "anthropic-beta")
_JSON: Final = ("content-type", "application/json")


def request_headers(client: Headers, quirks: tuple[str, ...]) -> Headers:
    """What is sent beside a body: its type, the version the client speaks, and the betas it asks for.

    Vertex AI has the version in the body.
    """
    betas = header(client, "anthropic-beta")
    asked: Headers = (("anthropic-beta", betas),) if betas else ()
    if VERTEX_CLAUDE in quirks:
        return (_JSON, *asked)
    return (_JSON, ("anthropic-version", header(client, "anthropic-version") or VERSION), *asked)


def header(client: Headers, name: str) -> str:
    """The value of *name*, "" where it was not sent; of several, all of them in one."""
    return ",".join([value for each, value in client if each == name and value])
