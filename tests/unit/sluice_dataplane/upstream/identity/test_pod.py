"""What is read of the pod: variables and files, and how a lack is told."""

from pathlib import Path

import pytest

from sluice_dataplane.upstream.identity.grants import IdentityFailedError
from sluice_dataplane.upstream.identity.pod import MAX_FILE_BYTES, Pod


async def test_a_token_is_read_anew_each_time(tmp_path: Path) -> None:
    """The cluster replaces the file while we run."""
    file, pod = tmp_path / "token", Pod({"T": str(tmp_path / "token")})
    told = []
    for content in ("one\n", " two "):
        file.write_text(content)
        told.append(await pod.token("T"))

    assert told == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file"),
        (b"", "holds no token"),
        (b"secret thing", "holds no token"),
        (b"secret\xffthing", "holds no token"),
        (b"s" * (MAX_FILE_BYTES + 1), "too long"),
    ],
)
async def test_a_file_that_holds_no_token_is_not_quoted(tmp_path: Path, content: bytes | None, why: str) -> None:
    """The message names the variable, and nothing that stands in the file."""
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(IdentityFailedError, match=why) as caught:
        await Pod({"THE_FILE": str(tmp_path / "token")}).token("THE_FILE")

    assert "THE_FILE" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_path_that_cannot_be_one_fails_like_any() -> None:
    """A NUL in a path is Python's ValueError, and must not end the task that reads."""
    with pytest.raises(IdentityFailedError, match="cannot be read"):
        await Pod({"T": "a\0b"}).token("T")


def test_the_first_variable_that_is_set_counts() -> None:
    """Empty is not set."""
    assert Pod({"A": "", "B": "b", "C": "c"}).variable("A", "B", "C") == "b"


def test_a_pod_does_not_show_its_environment() -> None:
    """Which may hold anything."""
    assert "secret" not in repr(Pod({"A": "secret"}))
