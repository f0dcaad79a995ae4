"""How a Redis lets us in: TLS as the URL asks for it, and who we say we are.  Opens no connection."""

import ssl
from collections.abc import Sequence
from typing import Any, Final

from sluice_contract.redis_url import Login, Tls
from sluice_dataplane.limits.link_wire import ReplyError
from sluice_dataplane.limits.scripts import Command

CLIENT_NAME: Final = "sluice-dataplane"

_SETNAME: Final = ("CLIENT", "SETNAME")


def context_for(tls: Tls) -> ssl.SSLContext:
    """A context that verifies as *tls* says; reads files.

    Raises:
        OSError: a file is not there, or (ssl.SSLError) holds something else.
    """
    context = ssl.create_default_context(cafile=tls.ca_path or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = tls.check_hostname
    if tls.ca_path:
        # From 3.13 on Python refuses authorities without certain extensions; in-house ones are often like that.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if tls.cert_path:
        context.load_cert_chain(tls.cert_path, tls.key_path or None)
    return context


def introduce(login: Login, client_name: str) -> list[Command]:
    """Who we are."""
    words: list[Command] = []
    if login.username or login.password:
        words.append(("AUTH", *((login.username,) if login.username else ()), login.password))
    words.append((*_SETNAME, client_name or CLIENT_NAME))
    return words


def checked(commands: Sequence[Command], replies: list[Any]) -> list[Any]:
    """*replies*, none of which is an error; a name that we may not give ourselves is not missed."""
    for command, reply in zip(commands, replies, strict=True):
        if isinstance(reply, ReplyError) and command[:2] != _SETNAME:
            raise reply
    return replies
