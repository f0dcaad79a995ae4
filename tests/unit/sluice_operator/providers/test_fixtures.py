"""Every provider's own answers and errors, through the data plane's wires.

``tests/fixtures/providers/<Type>.json``: an answer for each API that the provider's row says it speaks and whose use is
counted, with what the data plane makes of its usage (null: it says nothing of tokens), and one error: whether clients
of that API get it as it is (``passed_on``: it is in the form they read), and what those of another are told (``says``).
"""

import json
from pathlib import Path
from typing import Any

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.wires import BACKS, WIRES
from sluice_operator.providers.row import CONVERSATIONS
from sluice_operator.providers.table import PROVIDERS

FOLDER = Path(__file__).parents[3] / "fixtures" / "providers"
FIXTURES: dict[str, Any] = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
COUNTED = (*CONVERSATIONS, "embeddings", "rerank")
ANSWERS = [
    pytest.param(endpoint, answer, id=f"{name}-{endpoint}")
    for name, fixture in FIXTURES.items()
    for endpoint, answer in fixture["answers"].items()
]


def encoded(body: object) -> bytes:
    """*body* as a provider sends it."""
    return json.dumps(body).encode()


@pytest.mark.parametrize("name", PROVIDERS)
def test_each_row_has_a_fixture_with_an_answer_for_each_api_it_speaks(name: str) -> None:
    """Adding a provider is a row and a fixture: what is not shown to work is not promised."""
    assert set(FIXTURES[name]["answers"]) == {each for each in PROVIDERS[name].paths if each in COUNTED}


def test_no_fixture_is_of_nobody() -> None:
    """A provider that goes takes its fixture along."""
    assert set(FIXTURES) == set(PROVIDERS)


@pytest.mark.parametrize(("endpoint", "answer"), ANSWERS)
def test_the_usage_of_each_answer_is_read(endpoint: Any, answer: dict[str, Any]) -> None:
    """What a provider counts in its own way comes out as totals with their parts, and its own price beside."""
    reported = WIRES[endpoint].read_usage(encoded(answer["body"]))
    wanted = answer["usage"]

    assert (None if reported is None else reported.usage) == (None if wanted is None else TokenUsage(**wanted))
    assert reported is None or reported.provider_cost_nusd == answer.get("cost_nusd")
    assert reported is None or reported.service_tier == answer.get("service_tier", "")


@pytest.mark.parametrize("name", FIXTURES)
def test_each_error_is_told_in_the_providers_words(name: str) -> None:
    """Whoever sends a wrong request learns from the provider what is wrong, whichever API they speak themselves."""
    error = FIXTURES[name]["error"]
    endpoint, body = error["endpoint"], encoded(error["body"])
    codec = BACKS.get(endpoint)

    assert WIRES[endpoint].is_error(body) == error["passed_on"]
    assert codec is None or codec.read_error(body) == error["says"]
