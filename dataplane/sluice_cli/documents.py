"""A directory tree → the documents in it, each with where it stands.  Reads YAML as kubectl does, and more strictly."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from sluice_operator.resources.yamls import StrictLoader

SUFFIXES: Final = (".yaml", ".yml")
MAX_FILE_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """One document; ``origin`` is for people: ``keys.yaml:12``."""

    origin: str
    content: Any


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something could not be read, and where it stands."""

    origin: str
    message: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"


def files_in(directory: Path) -> Iterator[Path]:
    """The manifests under *directory*, in a fixed order; hidden files and folders are left out."""
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield Path(folder) / name


def read_tree(directory: Path) -> tuple[list[Document], list[Problem]]:
    """Every document under *directory*, Lists taken apart and empty ones left out, and why some could not be read."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for path in files_in(directory):
        name = str(path.relative_to(directory))
        try:
            documents.extend(_documents(path, name))
        except _Unreadable as error:
            problems.append(error.problem)
    return documents, problems


class _Unreadable(Exception):  # noqa: N818  # never leaves this module
    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def _documents(path: Path, name: str) -> list[Document]:
    """All documents of one file, or none of them: half a file is not what somebody wrote."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _Unreadable(Problem(name, error.strerror or "cannot be read")) from error
    if len(data) > MAX_FILE_BYTES:
        raise _Unreadable(Problem(name, f"is larger than {MAX_FILE_BYTES} bytes"))
    try:
        return list(_parsed(data, name))
    except yaml.MarkedYAMLError as error:
        where = name if error.problem_mark is None else f"{name}:{error.problem_mark.line + 1}"
        raise _Unreadable(Problem(where, error.problem or "is not YAML")) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise _Unreadable(Problem(name, "is not YAML")) from None


def _parsed(data: bytes, name: str) -> Iterator[Document]:
    loader = StrictLoader(data)
    try:
        while loader.check_node():
            node = loader.get_node()
            content = loader.construct_document(node)
            origin = f"{name}:{node.start_mark.line + 1}"
            if isinstance(content, dict) and content.get("kind") == "List" and isinstance(content.get("items"), list):
                yield from (Document(origin, item) for item in content["items"])
            elif content is not None:
                yield Document(origin, content)
    finally:
        loader.dispose()
