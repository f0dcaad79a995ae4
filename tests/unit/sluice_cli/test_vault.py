"""Secrets as files."""

import os
from pathlib import Path

import pytest

from sluice_cli.vault import MAX_ENTRY_BYTES, PEPPER_BYTES, Vault, VaultError
from sluice_operator.inventory import ObjectName

NAME = ObjectName("default", "app-key")


def test_new_secret_is_kept_and_found(tmp_path: Path) -> None:
    """What was made is in the file it says, and among the contents."""
    vault = Vault(tmp_path / "secrets", lambda count: b"r" * count)
    path = vault.keep_new(NAME, "api-key", lambda random_bytes: f"sk-{len(random_bytes)}")

    assert path == tmp_path / "secrets" / "default" / "app-key" / "api-key"
    assert vault.contents() == {NAME: {"api-key": b"sk-32"}}


def test_secret_is_made_once(tmp_path: Path) -> None:
    """A key that is there is never replaced: whoever uses it goes on using it."""
    vault = Vault(tmp_path / "secrets")
    vault.keep_new(NAME, "api-key", lambda _: "first")
    vault.keep_new(NAME, "api-key", lambda _: "second")

    assert vault.contents() == {NAME: {"api-key": b"first"}}


def test_only_the_owner_reads_secrets(tmp_path: Path) -> None:
    """Files are 0600 and their folders 0700 from the first moment, whatever the umask."""
    old = os.umask(0)
    try:
        vault = Vault(tmp_path / "secrets")
        path = vault.keep_new(NAME, "api-key", lambda _: "s")
        vault.pepper()
    finally:
        os.umask(old)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "pepper").stat().st_mode & 0o777 == 0o600


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    """Beside the secret there is no temporary file, also after one that was not needed."""
    vault = Vault(tmp_path / "secrets")
    path = vault.keep_new(NAME, "api-key", lambda _: "first")
    vault.keep_new(NAME, "api-key", lambda _: "second")

    assert [each.name for each in path.parent.iterdir()] == ["api-key"]


@pytest.mark.parametrize("entry", ["..", ".", "", "../x", "a/b", ".hidden", "a\0b"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, entry: str) -> None:
    """A name that is no plain file's is refused before anything is touched."""
    with pytest.raises(VaultError, match="cannot be a file's name"):
        Vault(tmp_path / "secrets").keep_new(NAME, entry, lambda _: "s")

    assert list(tmp_path.iterdir()) == []


def test_pepper_is_made_once(tmp_path: Path) -> None:
    """The pepper stays the same for the life of the data: else every weak key would stop working."""
    first = Vault(tmp_path / "secrets").pepper()

    assert len(first) == PEPPER_BYTES
    assert Vault(tmp_path / "secrets").pepper() == first


def test_cut_off_pepper_is_an_error(tmp_path: Path) -> None:
    """A pepper that is not whole is said, and not replaced by another."""
    (tmp_path / "pepper").write_bytes(b"short")

    with pytest.raises(VaultError, match="should hold 32 bytes"):
        Vault(tmp_path / "secrets").pepper()


def test_what_users_put_there_is_found(tmp_path: Path) -> None:
    """A provider's API key dropped into the folder is a Secret; hidden files and loose ones are not."""
    folder = tmp_path / "default" / "openai"
    folder.mkdir(parents=True)
    (folder / "api-key").write_text("sk-provider")
    (folder / ".swp").write_text("x")
    (tmp_path / "README").write_text("x")

    assert Vault(tmp_path).contents() == {ObjectName("default", "openai"): {"api-key": b"sk-provider"}}


def test_huge_entry_is_refused(tmp_path: Path) -> None:
    """A file larger than a Secret may be is said by its name."""
    folder = tmp_path / "default" / "big"
    folder.mkdir(parents=True)
    with (folder / "x").open("wb") as file:
        file.truncate(MAX_ENTRY_BYTES + 1)

    with pytest.raises(VaultError, match=r"big/x: is larger"):
        Vault(tmp_path).contents()
