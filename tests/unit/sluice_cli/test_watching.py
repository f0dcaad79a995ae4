"""Noticing changes without reading."""

import asyncio
import os
from pathlib import Path

import pytest

from sluice_cli.watching import changed, fingerprint


def test_untouched_tree_looks_the_same(tmp_path: Path) -> None:
    """Looking changes nothing, and a folder that is not there looks like nothing."""
    (tmp_path / "a.yaml").write_text("a")

    assert fingerprint([tmp_path]) == fingerprint([tmp_path, tmp_path / "absent"])


@pytest.mark.parametrize("change", ["edit", "add", "remove", "rename", "replace", "touch-in-secrets"])
def test_every_change_shows(tmp_path: Path, change: str) -> None:
    """Edited, added, removed, renamed and replaced files look otherwise, in every tree that is watched."""
    one, two = tmp_path / "manifests", tmp_path / "secrets"
    (one / "deep").mkdir(parents=True)
    two.mkdir()
    path = one / "deep" / "a.yaml"
    path.write_text("a")
    before = fingerprint([one, two])
    match change:
        case "edit":
            path.write_text("ab")
        case "add":
            (one / "b.yaml").write_text("b")
        case "remove":
            path.unlink()
        case "rename":
            path.rename(one / "a.yaml")
        case "replace":
            stat = path.stat()
            (one / ".new").write_text("b")
            os.utime(one / ".new", ns=(stat.st_atime_ns, stat.st_mtime_ns))
            (one / ".new").rename(path)
        case _:
            (two / "key").write_text("k")

    assert fingerprint([one, two]) != before


def test_hidden_files_do_not_show(tmp_path: Path) -> None:
    """An editor's swap file and version control are no change."""
    before = fingerprint([tmp_path])
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_text("x")
    (tmp_path / ".a.yaml.swp").write_text("x")

    assert fingerprint([tmp_path]) == before


async def test_change_ends_the_wait(tmp_path: Path) -> None:
    """Whoever waits learns how the tree looks once it has changed."""
    known = fingerprint([tmp_path])
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(changed((tmp_path,), known))
        (tmp_path / "a.yaml").write_text("a")

    assert waiting.result() == fingerprint([tmp_path])
