"""The documentation is complete, and what it points at exists."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from sluice_cli.__main__ import app
from sluice_dataplane.settings import Settings as DataplaneSettings
from sluice_dataplane.telemetry.metrics import Metrics
from sluice_operator.settings import Settings as OperatorSettings
from sluice_operator.telemetry import REGISTRY

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
DATAPLANE = sorted((ROOT / "dataplane" / "sluice_dataplane").rglob("*.py"))
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not any(part.startswith(".") for part in path.parts[len(ROOT.parts) :])
)


def without_blocks(page: Path) -> str:
    """The text of a page, less its blocks of code."""
    return re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


def named(page: str) -> set[str]:
    """Everything in code font on a page of the reference."""
    return set(re.findall(r"`([^`]+)`", without_blocks(REFERENCE / page)))


def codes() -> Iterator[str]:
    """Every error code that the data plane can answer with."""
    for path in DATAPLANE:
        text = path.read_text()
        yield from re.findall(r'code="([a-z_]+)"', text)
        yield from re.findall(r'status, code, type = \d+, "([a-z_]+)"', text)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link on a page is a file or folder of the project."""
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", without_blocks(page))
    dead = [target for target in targets if "://" not in target and not (page.parent / target).exists()]

    assert dead == []


def test_promises_name_tests_that_exist() -> None:
    """A promise whose test is gone is a promise no longer."""
    tests = re.findall(r"`(tests/[^`]+)`", (ROOT / "docs" / "promises.md").read_text())

    assert len(tests) > 10
    assert [name for name in tests if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("settings", [DataplaneSettings, OperatorSettings])
def test_every_setting_is_described(settings: type) -> None:
    """Each environment variable that is read is in the reference."""
    variables = {f"SLUICE_{item.name.upper()}" for item in fields(settings)}

    assert variables - named("settings.md") == set()


def test_no_setting_is_described_that_does_not_exist() -> None:
    """A variable that nobody reads is not in the reference."""
    known = {f"SLUICE_{item.name.upper()}" for each in (DataplaneSettings, OperatorSettings) for item in fields(each)}
    described = {name for name in named("settings.md") if name.startswith("SLUICE_")}

    assert described - known == set()


def test_every_metric_is_described() -> None:
    """Each metric of both programs is in the reference, as Prometheus sees its name."""
    described = named("metrics.md")
    metrics = [metric for registry in (Metrics().registry, REGISTRY) for metric in registry.collect()]

    assert len(metrics) > 15
    assert [
        metric.name
        for metric in metrics
        if metric.name.startswith("sluice_")
        and (f"{metric.name}_total" if metric.type == "counter" else metric.name) not in described
    ] == []


def test_every_error_code_is_described() -> None:
    """Each code a client may meet is in the reference."""
    found = set(codes())

    assert len(found) > 20
    assert found - named("http.md") == set()


def test_every_option_is_described() -> None:
    """Each command of ``sluice`` and each of its options is in the reference."""
    group = typer.main.get_group(app)
    text = (REFERENCE / "cli.md").read_text()
    missing = [
        f"{name} {option}"
        for name, command in group.commands.items()
        for option in [
            "",
            *(each.opts[0] for each in command.params if not getattr(each, "hidden", False) and each.opts),
        ]
        if f"`sluice {name}" not in text or (option.startswith("--") and f"`{option}`" not in text)
    ]

    assert sorted(group.commands) == ["compile", "serve", "usage", "version"]
    assert missing == []
