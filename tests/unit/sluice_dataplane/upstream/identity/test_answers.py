"""Answers of token services: what is read of them, and how little is told."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sluice_dataplane.upstream.identity.answers import (
    MAX_LIFE_S,
    UNTOLD_LIFE_S,
    Reply,
    assumed_keys_of,
    bearer_of,
    container_keys_of,
    impersonated_of,
    said,
    signing_keys,
)
from sluice_dataplane.upstream.identity.grants import Bearer, Grant, IdentityFailedError, SigningKeys

NOW_S = 1_790_000_000.0
IN_AN_HOUR = datetime.fromtimestamp(NOW_S + 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _reply(value: Any, status: int = 200) -> Reply:
    return Reply(status, (), value if isinstance(value, bytes) else json.dumps(value).encode())


@pytest.mark.parametrize(
    ("fields", "life_s"),
    [
        ({"expires_in": 3599, "token_type": "Bearer"}, 3599),
        ({"expires_in": "3599", "token_type": "bearer", "ext_expires_in": 1}, 3599),
        ({}, UNTOLD_LIFE_S),
        ({"expires_in": 10**9}, MAX_LIFE_S),
    ],
)
def test_a_token_is_read(fields: dict[str, Any], life_s: float) -> None:
    """With its life, as a number or a string; a short one where none is told, a day where it is longer."""
    assert bearer_of(_reply({"access_token": "t", **fields})) == Grant(Bearer("t"), life_s)


@pytest.mark.parametrize(
    "fields",
    [
        {"access_token": "t", "expires_in": 0},
        {"access_token": "t", "expires_in": -1},
        {"access_token": "t", "expires_in": "soon"},
        {"access_token": "t", "expires_in": "nan"},
        {"access_token": "t", "token_type": "mac"},
        {"access_token": "t\r\nx: y"},
        {"access_token": ""},
        {"access_token": "t" * 20_000},
        {"access_token": 1},
        {},
        [],
    ],
)
def test_what_is_no_token_is_refused(fields: Any) -> None:
    """What has ended, what is of another type, what cannot be sent; none of it is quoted."""
    with pytest.raises(IdentityFailedError):
        bearer_of(_reply(fields))


def test_keys_of_sts_are_read() -> None:
    """From its XML, white space or not."""
    xml = (
        f"<a><Credentials><AccessKeyId>ASIA</AccessKeyId>\n<SecretAccessKey> s/+= </SecretAccessKey>"
        f"<SessionToken>t==</SessionToken><Expiration>{IN_AN_HOUR}</Expiration></Credentials></a>"
    )

    assert assumed_keys_of(_reply(xml.encode()), NOW_S) == Grant(SigningKeys("ASIA", "s/+=", "t=="), 3600)


def test_keys_of_an_agent_are_read() -> None:
    """From the JSON of EKS Pod Identity, which names an account besides."""
    fields = {"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "t", "Expiration": IN_AN_HOUR, "AccountId": "1"}

    assert container_keys_of(_reply(fields), NOW_S) == Grant(SigningKeys("ASIA", "s", "t"), 3600)


def test_an_impersonated_token_is_read() -> None:
    """From Google's answer, whose end is a date, with fractions or not."""
    ends = IN_AN_HOUR.replace("Z", ".5Z")

    assert impersonated_of(_reply({"accessToken": "t", "expireTime": ends}), NOW_S) == Grant(Bearer("t"), 3600.5)


@pytest.mark.parametrize("ends", ["2001-01-01T00:00:00Z", "tomorrow", "9999-99-99T00:00:00Z", ""])
def test_what_has_ended_is_refused(ends: str) -> None:
    """A date in the past, or one that is none, brings nothing that could be sent."""
    with pytest.raises(IdentityFailedError, match="ended already"):
        impersonated_of(_reply({"accessToken": "t", "expireTime": ends}), NOW_S)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, b'{"error":"invalid_client","error_description":"secret"}', "401 (invalid_client)"),
        (401, b'{"error":"invalid_client","error_codes":[7000215]}', "401 (invalid_client, AADSTS7000215)"),
        (403, b'{"error":{"code":403,"status":"PERMISSION_DENIED","message":"secret"}}', "403 (PERMISSION_DENIED)"),
        (403, b"<E><Code>AccessDenied</Code><Message>secret</Message></E>", "403 (AccessDenied)"),
        (400, b'{"error":"secret","error_codes":["secret",true,-1]}', "400"),
        (400, b"<Code>secret</Code>", "400"),
        (302, b"", "302"),
        (500, b"<html>secret", "500"),
        (400, b"[" * 30_000, "400"),
    ],
)
def test_of_a_refusal_only_known_words_are_told(status: int, body: bytes, told: str) -> None:
    """A service could repeat what it was sent in any field."""
    assert said(_reply(body, status)) == f"its token service answered {told}"


BAD_KEYS = [("AK ID", "s", ""), ("AKID", "s\n", ""), ("AKID", "", ""), ("A/K", "s", ""), ("A", "s", "ä")]


@pytest.mark.parametrize("bad", BAD_KEYS)
def test_keys_that_would_break_a_header_are_refused(bad: tuple[str, str, str]) -> None:
    """No key of AWS's holds such characters."""
    with pytest.raises(IdentityFailedError):
        signing_keys(*bad)


NAMES = st.sampled_from(
    "access_token expires_in error error_codes status Expiration expireTime accessToken Token "  # noqa: SIM905
    "AccessKeyId SecretAccessKey".split()
)
LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text()
VALUES = st.recursive(LEAVES, lambda of: st.lists(of, max_size=3) | st.dictionaries(NAMES, of, max_size=6))
READERS: list[Callable[[Reply], Grant]] = [
    bearer_of,
    lambda reply: assumed_keys_of(reply, NOW_S),
    lambda reply: container_keys_of(reply, NOW_S),
    lambda reply: impersonated_of(reply, NOW_S),
]


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()), st.sampled_from([200, 400]))
@example(b'{"access_token":"\xff"}', 200)
@example(b"<AccessKeyId>\xff</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>", 200)
@example(b'{"accessToken":"t","expireTime":"0001-01-01T00:00:00+23:59"}', 200)
def test_no_answer_does_more_than_fail(body: bytes, status: int) -> None:
    """Whatever comes gives a grant or the one error: the task that fetches has no other way to end."""
    outcomes = [_outcome(read, Reply(status, (), body)) for read in READERS]

    assert max(map(len, outcomes)) < 200


def _outcome(read: Callable[[Reply], Grant], reply: Reply) -> str:
    try:
        return type(read(reply)).__name__
    except IdentityFailedError as error:
        return str(error)
