"""The Responses API: names of tools."""

import pytest

from sluice_dataplane.dialects.conversation import Request, Tool
from sluice_dataplane.dialects.responses.names import Names, full_name
from sluice_dataplane.dialects.values import raw


def test_a_name_falls_into_what_it_was_made_of() -> None:
    """Also where the names themselves look like joined ones."""
    tools = [{"type": "namespace", "name": "a__b", "tools": [{"type": "function", "name": "c__d"}]}]
    names = Names(Request(echo={"tools": raw(tools)}))

    assert names.split(full_name("a__b", "c__d")) == ("a__b", "c__d")
    assert names.split("x__y") == (None, "x__y")


@pytest.mark.parametrize("tools", [7, [7], [{"type": "namespace"}], [{"type": "namespace", "tools": 7}]])
def test_tools_of_an_odd_form_have_no_namespaces(tools: object) -> None:
    """What cannot be understood is left as it is."""
    assert Names(Request(echo={"tools": raw(tools)})).split("a__b") == (None, "a__b")


def test_tools_that_take_plain_text_are_known() -> None:
    """Their answers may have to be unwrapped."""
    names = Names(Request(tools=(Tool(name="p", free=True), Tool(name="f"))))

    assert (names.is_free("p"), names.is_free("f"), names.is_free("x")) == (True, False, False)
