"""The house rules that no linter knows.  CONTRIBUTING.md says why they are there."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for tree in ("operator", "dataplane") for path in (ROOT / tree).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LUA = sorted((ROOT / "dataplane").rglob("*.lua"))

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
MAX_LUA_LINES = 40
SMALL_MODULE_LINES = 40  # below this a module is mostly declarations, proven by those who use it

# A module with no test file of its own, and what proves it instead.
PROVEN_ELSEWHERE = {
    "sluice_contract/errors.py": "declarations",
    "sluice_contract/snapshot.py": "declarations; test_codec.py",
    "sluice_contract/usage.py": "declarations",
    "sluice_dataplane/errors.py": "declarations; the surface's tests",
    "sluice_dataplane/exchange.py": "declarations",
    "sluice_dataplane/dialects/conversation.py": "declarations",
    "sluice_dataplane/dialects/events.py": "declarations",
    "sluice_dataplane/dialects/seam.py": "a seam; the tests of each wire",
    "sluice_dataplane/upstream/seam.py": "a seam; the tests of its implementations",
    "sluice_dataplane/__main__.py": "tests/e2e/dataplane",
    "sluice_dataplane/app/listen.py": "the surface's tests and tests/e2e/dataplane run the whole",
    "sluice_operator/errors.py": "declarations",
    "sluice_operator/inventory.py": "declarations; the compiler's tests",
    "sluice_operator/providers/clouds.py": "data; test_table.py, test_fixtures.py",
    "sluice_operator/providers/hosted.py": "data; test_table.py, test_fixtures.py",
    "sluice_operator/providers/paths.py": "data; test_table.py",
    "sluice_operator/providers/self_hosted.py": "data; test_table.py, test_fixtures.py",
    "sluice_operator/verdicts.py": "declarations; the compiler's tests",
    "sluice_operator/__main__.py": "tests/e2e/cluster",
    "sluice_operator/app.py": "tests/e2e/cluster/operator",
    "sluice_operator/handlers.py": "tests/e2e/cluster/operator/test_watching.py",
    "sluice_operator/cluster/lease.py": "tests/e2e/cluster/operator/test_lease.py",
}

# In pieces, so that this file does not find itself.
FORBIDDEN_TEXT = re.compile(
    "|".join(
        (
            r"/wor" + r"k/(main|shared)",
            r"(?<![\w.])/ro" + r"ot/",
            r"/ho" + r"me/(?!nonroot|sluice|app)[a-z]",
            r"pypi\." + r"org",
            r"pythonhosted\." + r"org",
            r"registry\.npm" + r"js\.org",
            r"proxy\.golang" + r"\.org",
        )
    )
)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _tracked_text_files() -> Iterator[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout
    for name in filter(None, listing.decode().split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in path.read_bytes()[:1024]:
            yield path


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _lines_without_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def _code_lines(text: str, comment: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.strip().startswith(comment)]


def _test_file_of(source: Path) -> list[Path]:
    """Where a module's tests may be: test_<module>.py, or any test beside it for a package's __init__."""
    inside = Path(*source.relative_to(ROOT).parts[1:])  # without operator/ or dataplane/
    mirror = ROOT / "tests" / "unit" / inside.parent
    if source.name == "__init__.py":
        return [*mirror.glob("test_*.py"), *mirror.parent.glob(f"test_{mirror.name}.py")]
    # A long subject may be split: test_<module>_<aspect>.py.
    stem = source.stem.strip("_")
    return [*mirror.glob(f"test_{stem}.py"), *mirror.glob(f"test_{stem}_*.py")]


def test_no_file_is_longer_than_a_reader_keeps_in_mind() -> None:
    """A source file has at most MAX_FILE_LINES lines."""
    long = {_name(path): n for path in SOURCES if (n := len(path.read_text().splitlines())) > MAX_FILE_LINES}

    assert long == {}


def test_no_function_is_longer_than_a_screen() -> None:
    """A function has at most MAX_FUNCTION_LINES lines besides its docstring."""
    long = {
        f"{_name(path)}:{function.lineno} {function.name}": lines
        for path in SOURCES
        for function in _functions(path)
        if (lines := _lines_without_docstring(function)) > MAX_FUNCTION_LINES
    }

    assert long == {}


def test_operator_folder_does_not_shadow_the_standard_library() -> None:
    """``operator/`` holds no module: with it on the path, ``import operator`` must still be Python's own."""
    assert list((ROOT / "operator").glob("*.py")) == []


def test_each_module_has_its_tests() -> None:
    """Tests mirror the source; what is proven elsewhere is listed with where."""
    untested = [
        _name(path)
        for path in SOURCES
        if len(_code_lines(path.read_text(), "#")) > SMALL_MODULE_LINES
        and _name(path).split("/", 1)[1] not in PROVEN_ELSEWHERE
        and not _test_file_of(path)
    ]

    assert untested == []


def test_list_of_exceptions_names_nothing_twice_proven() -> None:
    """A module that got its own tests is struck from the list of those that have none."""
    listed = [path for path in SOURCES if _name(path).split("/", 1)[1] in PROVEN_ELSEWHERE]

    assert [_name(path) for path in listed if _test_file_of(path)] == []


def test_chart_installs_the_schemas_we_generate() -> None:
    """The chart's copies of the CRDs are the files in crds/, byte for byte."""
    copies = ROOT / "charts" / "gateway" / "files" / "crds"
    generated = {path.name: path.read_bytes() for path in (ROOT / "crds").glob("*.yaml")}

    assert len(generated) == 4
    assert {path.name: path.read_bytes() for path in copies.glob("*.yaml")} == generated


def test_each_test_states_its_promise() -> None:
    """A test's docstring says what it proves."""
    silent = [
        f"{_name(path)}:{function.lineno} {function.name}"
        for path in TESTS
        for function in _functions(path)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]

    assert silent == []


def test_no_test_asserts_what_cannot_fail() -> None:
    """``assert True`` and assertions of other constants are not tests."""
    empty = [
        f"{_name(path)}:{node.lineno}"
        for path in TESTS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant)
    ]

    assert empty == []


@pytest.mark.parametrize("banned", ["unittest" + ".mock", "time" + ".sleep(", "pytest.mark." + "flaky"])
def test_no_test_uses(banned: str) -> None:
    """Fakes implement our seams, and waiting is for a state: no mocks, no sleeping, no second tries."""
    assert [_name(path) for path in TESTS if banned in path.read_text()] == []


def test_lua_scripts_fit_on_a_page() -> None:
    """A script has at most MAX_LUA_LINES lines of code: all of Redis waits while one runs, and a reader must too."""
    long = {_name(path): n for path in LUA if (n := len(_code_lines(path.read_text(), "--"))) > MAX_LUA_LINES}

    assert long == {}


def test_changelog_tells_of_this_version() -> None:
    """CHANGELOG.md has a section for the version in pyproject.toml, or for what is not released yet."""
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None

    assert re.search(
        rf"^## \[(Unreleased|{re.escape(version[1])})\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )


def test_no_tracked_file_tells_of_one_machine() -> None:
    """No path of a developer's machine and no package registry's host is written down: both differ elsewhere."""
    found = [
        f"{_name(path)}: {match[0]}"
        for path in _tracked_text_files()
        if (match := FORBIDDEN_TEXT.search(path.read_text(errors="replace")))
    ]

    assert found == []
