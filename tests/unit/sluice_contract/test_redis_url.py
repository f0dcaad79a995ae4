"""Where Redis is, as a URL says it."""

import pytest

from sluice_contract.errors import RedisUrlInvalidError
from sluice_contract.redis_url import Login, RedisAddress, Tls, parse


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://r", RedisAddress(kind="Server", nodes=(("r", 6379),))),
        ("redis://r:7000/3", RedisAddress(kind="Server", nodes=(("r", 7000),), database=3)),
        ("redis://r/?db=2", RedisAddress(kind="Server", nodes=(("r", 6379),), database=2)),
        ("redis://[::1]:7000", RedisAddress(kind="Server", nodes=(("::1", 7000),))),
        ("redis://:pw@r", RedisAddress(kind="Server", nodes=(("r", 6379),), login=Login("", "pw"))),
        ("redis://u:p%40%2F@r", RedisAddress(kind="Server", nodes=(("r", 6379),), login=Login("u", "p@/"))),
        ("rediss://r", RedisAddress(kind="Server", nodes=(("r", 6379),), tls=Tls())),
        (
            "rediss://r?ssl_ca_certs=/ca&ssl_certfile=/c&ssl_keyfile=/k&ssl_check_hostname=false&client_name=me",
            RedisAddress(
                kind="Server", nodes=(("r", 6379),), tls=Tls("/ca", "/c", "/k", check_hostname=False), client_name="me"
            ),
        ),
        ("unix:///run/redis.sock", RedisAddress(kind="Socket", socket_path="/run/redis.sock")),
        (
            "unix://u:pw@/run/redis.sock?db=1",
            RedisAddress(kind="Socket", socket_path="/run/redis.sock", login=Login("u", "pw"), database=1),
        ),
        (
            "redis+sentinel://u:pw@a,b:7,c/mymaster/4?sentinel_username=s&sentinel_password=%23",
            RedisAddress(
                kind="Sentinel",
                nodes=(("a", 26379), ("b", 7), ("c", 26379)),
                master="mymaster",
                database=4,
                login=Login("u", "pw"),
                sentinel_login=Login("s", "#"),
            ),
        ),
        (
            "rediss+sentinel://a/m",
            RedisAddress(kind="Sentinel", nodes=(("a", 26379),), master="m", tls=Tls()),
        ),
        ("redis+cluster://a,[::1]:7", RedisAddress(kind="Cluster", nodes=(("a", 6379), ("::1", 7)))),
        (
            "rediss+cluster://:pw@a/0",
            RedisAddress(kind="Cluster", nodes=(("a", 6379),), login=Login("", "pw"), tls=Tls()),
        ),
    ],
)
def test_each_form_says_where_and_how(url: str, address: RedisAddress) -> None:
    """Servers, sockets, Sentinels and Clusters, with credentials, databases and options."""
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "begin with"),
        ("hunter2", "begin with"),
        ("http://hunter2", "begin with"),
        ("redis:hunter2", "begin with"),
        ("redis://", "host"),
        ("redis://:hunter2@", "host"),
        ("redis://r:hunter2", "host"),
        ("redis://r:0", "host"),
        ("redis://r:", "host"),
        ("redis://r:99999", "host"),
        ("redis://[hunter2", "host"),
        ("redis://a,b", "sentinel"),
        ("redis://:hun/ter2@r", "host"),
        ("redis://hun/ter2@r/0", "%2F"),
        ("redis://u:hunter2#@r", "%23"),
        ("redis://u:hunter2@r#", "%23"),
        ("redis://r/hunter2", "database"),
        ("redis://r/-1", "database"),
        ("redis://r/1?db=1", "database"),
        ("redis://r?hunter2", "option=value"),
        ("redis://r?hunter2=1", "options"),
        ("redis://r?ssl_ca_certs=/ca", "options"),
        ("redis://r?client_name=a&client_name=b", "options"),
        ("redis://r?client_name=a%20b", "spaces"),
        ("redis://r?client_name=a%0Ab", "spaces"),
        ("rediss://r?ssl_check_hostname=hunter2", "true or false"),
        ("rediss://r?ssl_keyfile=/k", "ssl_certfile"),
        ("unix://r/sock", "no host"),
        ("unix://", "path"),
        ("redis+sentinel://a,b", "master"),
        ("redis+sentinel://a,b/", "master"),
        ("redis+sentinel://a,/m", "host"),
        ("redis+sentinel://a/m/0/1", "%2F"),
        ("redis+sentinel://a/m?db=1", "options"),
        ("redis+cluster://a/1", "database"),
        ("redis+cluster://a?sentinel_password=x", "options"),
    ],
)
def test_what_cannot_be_used_is_refused_without_quoting_it(url: str, why: str) -> None:
    """A URL that says something else, or less, is refused; the message helps and holds nothing of the URL's secrets."""
    with pytest.raises(RedisUrlInvalidError, match=why) as caught:
        parse(url)

    assert "hun" not in str(caught.value)
    assert "ter2" not in str(caught.value)


def test_no_password_is_shown() -> None:
    """An address can be printed: neither its credentials nor the Sentinels' are in it."""
    shown = repr(parse("redis+sentinel://u:hunter2@a/m?sentinel_password=swordfish"))

    assert "hunter2" not in shown
    assert "swordfish" not in shown
