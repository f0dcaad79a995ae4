"""Where Redis is, as one URL says it: a server, a socket, a master that Sentinels know, or a Cluster.  Pure.

::

    redis://[user:password@]host[:6379][/database]          rediss:// with TLS
    unix://[user:password@]/path/to.sock[?db=1]
    redis+sentinel://[user:password@]host[:26379],host…/master[/database]
    redis+cluster://[user:password@]host[:6379],host…

Parts of a URL are percent-encoded where they hold ``:/?#@,``.  No error quotes any of it: a password that was not
encoded may turn up in every part.
"""

from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from sluice_contract.errors import RedisUrlInvalidError

Node = tuple[str, int]  # host and port

REDIS_PORT: Final = 6379
SENTINEL_PORT: Final = 26379

_Kind = Literal["Server", "Socket", "Sentinel", "Cluster"]

_SCHEMES: Final[Mapping[str, tuple[_Kind, bool]]] = {
    "redis": ("Server", False),
    "rediss": ("Server", True),
    "unix": ("Socket", False),
    "redis+sentinel": ("Sentinel", False),
    "rediss+sentinel": ("Sentinel", True),
    "redis+cluster": ("Cluster", False),
    "rediss+cluster": ("Cluster", True),
}
_TLS_OPTIONS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")


class Tls(msgspec.Struct, frozen=True):
    """How TLS is spoken; paths of PEM files, "" for none: the system's authorities, no certificate of our own."""

    ca_path: str = ""
    cert_path: str = ""
    key_path: str = ""
    check_hostname: bool = True


class Login(msgspec.Struct, frozen=True):
    """Who we say we are; both "" where nobody asks."""

    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return "Login(redacted)"


class RedisAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where Redis is and how to get in.

    ``nodes`` are the server, the Sentinels or the cluster nodes to ask first; none for a socket.
    """

    kind: _Kind
    nodes: tuple[Node, ...] = ()
    socket_path: str = ""
    master: str = ""  # the name that the Sentinels know it by
    database: int = 0
    login: Login = Login()
    sentinel_login: Login = Login()
    tls: Tls | None = None
    client_name: str = ""


def parse(url: str) -> RedisAddress:
    """What *url* says.

    Raises:
        RedisUrlInvalidError: it cannot be used; the message says why and quotes nothing of it.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme.lower() not in _SCHEMES:
        raise RedisUrlInvalidError(f"must begin with one of {', '.join(f'{name}://' for name in _SCHEMES)}")
    kind, encrypted = _SCHEMES[scheme.lower()]
    try:
        parts = urlsplit(url)
    except ValueError:
        raise RedisUrlInvalidError("the host is of no known form") from None
    if parts.fragment or url.endswith("#"):
        raise RedisUrlInvalidError("nothing may follow a '#': in a password it is written %23")
    options = _options(parts, kind, encrypted=encrypted)
    userinfo, _, hosts = parts.netloc.rpartition("@")
    path = _path(parts, kind)
    return RedisAddress(
        kind=kind,
        nodes=_nodes(hosts, kind),
        socket_path=unquote(parts.path) if kind == "Socket" else "",
        master=path[0] if kind == "Sentinel" else "",
        database=_database(path[-1] if path else "", options.get("db", ""), kind),
        login=_login(userinfo),
        sentinel_login=Login(options.get("sentinel_username", ""), options.get("sentinel_password", "")),
        tls=_tls(options) if encrypted else None,
        client_name=options.get("client_name", ""),
    )


def _options(parts: SplitResult, kind: _Kind, *, encrypted: bool) -> dict[str, str]:
    known = ["client_name"]
    if kind in ("Server", "Socket"):
        known.append("db")
    if kind == "Sentinel":
        known += ["sentinel_username", "sentinel_password"]
    if encrypted:
        known += _TLS_OPTIONS
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise RedisUrlInvalidError("what follows '?' is not a list of option=value") from None
    options = dict(pairs)
    if not set(options) <= set(known) or len(options) < len(pairs):
        raise RedisUrlInvalidError(f"options, once each, may be {', '.join(known)}")
    name = options.get("client_name", "")
    if " " in name or not (name.isascii() and name.isprintable()):
        raise RedisUrlInvalidError("client_name may hold no spaces")  # Redis refuses the rest too
    return options


def _nodes(hosts: str, kind: _Kind) -> tuple[Node, ...]:
    if kind == "Socket":
        if hosts:
            raise RedisUrlInvalidError("a unix:// URL names a path and no host")
        return ()
    names = hosts.split(",")
    if kind == "Server" and len(names) > 1:
        raise RedisUrlInvalidError("several hosts need redis+sentinel:// or redis+cluster://")
    return tuple(_node(name, SENTINEL_PORT if kind == "Sentinel" else REDIS_PORT) for name in names)


def _node(name: str, usual_port: int) -> Node:
    try:
        parts = urlsplit(f"//{name}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or name.endswith(":") or port == 0:
        raise RedisUrlInvalidError("each host must be a name or an address, with a port where it is not the usual one")
    return unquote(host), port or usual_port


def _path(parts: SplitResult, kind: _Kind) -> list[str]:
    """The segments after the hosts: what may be there depends on the kind."""
    if kind == "Socket":
        if not parts.path.strip("/"):
            raise RedisUrlInvalidError("a unix:// URL needs a path")
        return []
    path = [unquote(segment) for segment in parts.path.removeprefix("/").split("/")]
    most = 2 if kind == "Sentinel" else 1
    if kind == "Sentinel" and not path[0]:
        raise RedisUrlInvalidError("the name of the master must follow the Sentinels: redis+sentinel://hosts/master")
    if len(path) > most:
        raise RedisUrlInvalidError("too much follows the hosts: in a password '/' is written %2F")
    return path if kind != "Sentinel" or len(path) == most else [*path, ""]


def _database(segment: str, option: str, kind: _Kind) -> int:
    text = segment or option or "0"
    if (segment and option) or not text.isdecimal() or not text.isascii():
        raise RedisUrlInvalidError("the database must be one number")
    if kind == "Cluster" and int(text):
        raise RedisUrlInvalidError("a Cluster has no database but 0")
    return int(text)


def _login(userinfo: str) -> Login:
    username, _, password = userinfo.partition(":")
    return Login(unquote(username), unquote(password))


def _tls(options: Mapping[str, str]) -> Tls:
    checked = options.get("ssl_check_hostname", "true").lower()
    if checked not in ("true", "false"):
        raise RedisUrlInvalidError("ssl_check_hostname must be true or false")
    ca_path, cert_path, key_path = (options.get(name, "") for name in _TLS_OPTIONS[:3])
    if key_path and not cert_path:
        raise RedisUrlInvalidError("ssl_keyfile needs ssl_certfile")
    return Tls(ca_path, cert_path, key_path, checked == "true")
