"""What Redis says no with."""

import pytest

from sluice_dataplane.limits.refusals import is_away, refusal


@pytest.mark.parametrize(
    ("text", "transient", "away"),
    [
        ("LOADING Redis is loading the dataset in memory", True, True),
        ("READONLY You can't write against a read only replica.", True, True),
        ("OOM command not allowed when used memory > 'maxmemory'.", True, True),
        ("MISCONF Redis is configured to save RDB snapshots", True, True),
        ("NOREPLICAS Not enough good replicas to write.", True, True),
        ("BUSY Redis is busy running a script.", True, True),
        ("MASTERDOWN Link with MASTER is down", True, True),
        ("CLUSTERDOWN The cluster is down", True, True),
        ("TRYAGAIN Multiple keys request during rehashing of slot", True, True),
        ("MOVED 3999 127.0.0.1:6381", True, True),
        ("NOSCRIPT No matching script.", True, True),
        ("NOAUTH Authentication required.", False, True),
        ("WRONGPASS invalid username-password pair", False, True),
        ("NOPERM this user has no permissions to run the 'evalsha' command", False, True),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", False, False),
        ("GARBAGE a counter is not a whole number", False, False),
        ("ERR user_script:3: attempt to perform arithmetic on a string value", False, False),
        ("what is this", False, False),
        ("", False, False),
    ],
)
def test_each_refusal_says_whether_to_try_again(text: str, transient: bool, away: bool) -> None:
    """What may pass by itself is told from what somebody must put right, and the store from one call's keys."""
    error = refusal(text)

    assert (error.transient, is_away(error)) == (transient, away)


def test_a_refusal_quotes_nothing() -> None:
    """Of an error's text only its code is kept: the rest may hold an address or a value."""
    assert str(refusal("MOVED 3999 secret-host:6381")) == "Redis refused: MOVED"
    assert str(refusal("hunter2 is wrong")) == "Redis refused: ERR"
