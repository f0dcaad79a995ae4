"""The manifests that the API server judges in tests/e2e/cluster/crds, judged by parse: where there is no API server."""

import pytest

from sluice_operator.resources import Invalid, parse
from support.crd_cases import Case, load_cases, load_crds, rule_messages

CASES = load_cases()
CREATES = [case for case in CASES if case.update is None]
UPDATES = [case for case in CASES if case.update is not None]
RULES = {message for crd in load_crds().values() for message in rule_messages(crd)}


@pytest.mark.parametrize("case", CREATES, ids=lambda case: case.id)
def test_file_is_judged_as_by_the_api_server(case: Case) -> None:
    """What the API server takes, parse takes; what it refuses, parse refuses, by the same rule in the same words."""
    result = parse(case.manifest)

    assert isinstance(result, Invalid) == bool(case.expect), result
    if isinstance(result, Invalid) and any(case.expect in rule for rule in RULES):
        assert case.expect in result.message


@pytest.mark.parametrize("case", UPDATES, ids=lambda case: case.id)
def test_both_sides_of_an_update_are_good_by_themselves(case: Case) -> None:
    """What may not change is known to the API server alone: a file has no past."""
    assert case.update is not None

    assert not isinstance(parse(case.manifest), Invalid)
    assert not isinstance(parse(case.update), Invalid)


def test_cases_exist_for_each_kind_in_both_folders() -> None:
    """The parametrised tests above have something to judge."""
    assert {(case.plural, bool(case.expect)) for case in CASES} == {
        (plural, refused) for plural in load_crds() for refused in (True, False)
    }
