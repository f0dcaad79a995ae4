"""YAML, read strictly."""

import pytest
import yaml

from sluice_operator.resources.yamls import StrictLoader


def load(text: str) -> object:
    """What *text* stands for."""
    return yaml.load(text, Loader=StrictLoader)


def test_moments_stay_text() -> None:
    """A date is the text it was written as, as for kubectl."""
    assert load("{at: 2027-01-01T00:00:00Z, day: 2027-01-01}") == {"at": "2027-01-01T00:00:00Z", "day": "2027-01-01"}


@pytest.mark.parametrize(("text", "said"), [("{a: 1, a: 2}", "'a' is there twice"), ("{on: 1}", "quote it")])
def test_what_would_mean_something_else_is_refused(text: str, said: str) -> None:
    """A key that is there twice, or that YAML reads as a boolean, is an error that names it."""
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        load(text)

    assert said in str(caught.value.problem)


def test_merged_maps_may_say_a_key_again() -> None:
    """What a merge brings along may be overridden, as YAML has it."""
    assert load("{base: &b {x: 1}, more: {<<: *b, x: 2}}") == {"base": {"x": 1}, "more": {"x": 2}}
