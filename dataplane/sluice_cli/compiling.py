"""One compilation of a directory: read, compile, make the keys that are wanted, write the parts.

Nothing is written while a manifest is broken: the last good stays, since to leave out a broken file would be to
revoke what is in it.  What holds together badly (a Secret that is missing, two models of one name) is compiled as in
a cluster: it is said, and the rest is served.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sluice_cli.documents import Problem, read_tree
from sluice_cli.vault import Vault, VaultError
from sluice_cli.world import Identity, World, declared, lenient
from sluice_contract import codec
from sluice_contract.errors import SnapshotInvalidError
from sluice_operator.compiler import Compilation, WantedSecret, compile_inventory
from sluice_operator.compiler.findings import ACTIVE
from sluice_operator.compiler.keys import format_token
from sluice_operator.inventory import ObjectName
from sluice_operator.verdicts import ResourceRef, Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a directory.  ``revision`` None: nothing was written, because of ``problems``."""

    revision: str | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    verdicts: tuple[Verdict, ...] = ()
    origins: Mapping[Identity, str] = field(default_factory=dict)
    key_files: Mapping[ResourceRef, Path] = field(default_factory=dict)
    next_change_ms: int | None = None

    @property
    def flawless(self) -> bool:
        """Whether everything that was declared is served, with nothing to be said against it."""
        return not self.problems and all(served_well(verdict) for verdict in self.verdicts)


def served_well(verdict: Verdict) -> bool:
    """Whether nothing in *verdict* speaks against its resource; a key that is suspended on purpose is well."""
    return all(finding.holds for finding in verdict.findings if finding.type != ACTIVE)


def compile_directory(directory: Path, out: Path, vault: Vault, *, now_ms: int, leave_out_broken: bool) -> Outcome:
    """Compile the manifests in *directory* into parts in *out*; *leave_out_broken* compiles what is not broken."""
    documents, unreadable = read_tree(directory)
    world = declared(documents)
    world.problems[:0] = unreadable
    if leave_out_broken:
        world = lenient(world)
    if world.problems:
        return Outcome(None, tuple(world.problems), tuple(world.warnings))
    try:
        compilation, key_files = _compile(world, vault, now_ms)
        parts = codec.encode(compilation.snapshot)
        write_parts(out, parts)
    except (VaultError, SnapshotInvalidError) as error:
        return Outcome(None, (Problem(str(directory), str(error)),), tuple(world.warnings))
    except OSError as error:
        return Outcome(None, (Problem(str(error.filename), str(error.strerror)),), tuple(world.warnings))
    return Outcome(
        revision=codec.revision_of(parts[codec.INDEX]),
        problems=(),
        warnings=(*world.warnings, *_conflicts(world, compilation)),
        verdicts=compilation.verdicts,
        origins=world.origins,
        key_files=key_files,
        next_change_ms=compilation.next_change_ms,
    )


def write_parts(out: Path, parts: Mapping[str, bytes]) -> None:
    """Put *parts* into *out*, each by rename and the index last; what is the same already is left alone.

    Raises:
        OSError: one could not be written; the index is still the old one.
    """
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (*codec.PARTS, codec.INDEX):
        path, data = out / name, parts[name]
        if path.is_file() and path.read_bytes() == data:
            continue
        fresh = out / f".{name}.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(data)
        fresh.replace(path)


def _compile(world: World, vault: Vault, now_ms: int) -> tuple[Compilation, dict[ResourceRef, Path]]:
    """Compile; where keys have no Secret yet make them and compile again."""

    def once() -> Compilation:
        return compile_inventory(world.inventory(vault.contents(), pepper=pepper, now_ms=now_ms))

    pepper = vault.pepper()
    compilation = once()
    if compilation.wanted_secrets:
        for wanted in compilation.wanted_secrets:
            _make(vault, wanted)
        compilation = once()
    return compilation, _key_files(world, vault, compilation)


def _conflicts(world: World, compilation: Compilation) -> list[Problem]:
    """What price books say that others say otherwise."""
    return [
        Problem(
            world.origins["ConfigMap", each.book.namespace, each.book.name], f"price book {each.book}: {each.message}"
        )
        for each in compilation.conflicts
    ]


def _make(vault: Vault, wanted: WantedSecret) -> None:
    vault.keep_new(wanted.secret, wanted.entry, lambda random_bytes: format_token(wanted.key_id, random_bytes))


def _key_files(world: World, vault: Vault, compilation: Compilation) -> dict[ResourceRef, Path]:
    """Where the secret of each served key that is kept in the vault can be read."""
    found: dict[ResourceRef, Path] = {}
    for verdict in compilation.verdicts:
        ref, secret = verdict.ref, verdict.fields.get("secretRef")
        if ref.kind != "VirtualKey" or not secret:
            continue
        name = ObjectName(ref.namespace, secret["name"])
        if secret["key"] not in world.secrets.get(name, {}) and (path := vault.path(name, secret["key"])).is_file():
            found[ref] = path
    return found
