"""The install's price book: what can be read of it, and what is said of the rest."""

from sluice_operator.resources.pricebook import MAX_ENTRIES, Listed, read_book

GOOD = '- {provider: OpenAI, model: "gpt-4o*", pricing: {inputPerMillion: "1", outputPerMillion: "2"}}\n'


def test_book_is_a_list_of_prices() -> None:
    """Each entry says whose model costs what, as ``pricing`` says it elsewhere."""
    found = read_book(GOOD + '- {provider: "*", model: m, pricing: {free: true}}\n')

    assert found.problems == ()
    assert [(each.provider, each.model) for each in found.listed] == [("OpenAI", "gpt-4o*"), ("*", "m")]
    assert [each.prices.free for each in found.listed if each.prices] == [False, True]


def test_empty_list_is_a_book_without_prices() -> None:
    """A book that says nothing is not broken."""
    assert read_book("[]") == read_book("[] # nothing yet")
    assert read_book("[]").problems == ()


def test_every_bad_entry_is_named_and_prices_nothing() -> None:
    """Who reads the problems finds the entries; what they were for has no price, and the others keep theirs."""
    found = read_book(
        GOOD
        + '- {provider: OpenAI, model: o3, pricing: {inputPerMillion: 1, outputPerMillion: "2"}}\n'
        + '- {provider: OpenAI, model: o4, pricing: {inputPerMillion: "1"}}\n'
        + '- {provider: OpenAI, model: o5, pricing: {inputPerMillion: "1", outputPerMillion: "1", perRequest: }}\n'
        + '- {provider: OpenAI, model: o6, pricing: {inputPerMillion: "1", outputPerMillion: "1", free: "false"}}\n'
        + "- {provider: OpenAI, model: o7, cost: 5}\n"
    )

    assert [(each.model, each.prices is None) for each in found.listed] == [
        ("gpt-4o*", False), ("o3", True), ("o4", True), ("o5", True), ("o6", True), ("o7", True),
    ]  # fmt: skip
    assert [problem.split(":")[0] for problem in found.problems] == [
        f"entry {number} (OpenAI, o{number + 1})" for number in range(2, 7)
    ]
    assert "pricing.inputPerMillion: Input should be a valid string" in found.problems[0]
    assert "both are required" in found.problems[1]
    assert "pricing.perRequest: has no value" in found.problems[2]
    assert "cost: unknown field" in found.problems[4]


def test_entry_for_nobody_known_is_named_by_its_place() -> None:
    """What cannot say whom it is for is quoted with nothing: only where it stands."""
    found = read_book(GOOD + "- {provider: Acme, model: m, pricing: {free: true}}\n- {model: m}\n- sk-secret\n")

    assert len(found.listed) == 1
    assert [problem.split(":")[0] for problem in found.problems] == ["entry 2", "entry 3", "entry 4"]
    assert "sk-secret" not in str(found.problems)


def test_entry_that_is_there_twice_prices_nothing() -> None:
    """Nobody knows which of the two was meant."""
    found = read_book(GOOD + GOOD)

    assert found.listed == (Listed("OpenAI", "gpt-4o*", None),)
    assert found.problems == ("entry 2 (OpenAI, gpt-4o*): is there twice",)


def test_what_is_no_book_is_said() -> None:
    """An absent entry, broken YAML, other content and far too much of it are problems, never exceptions."""
    cases = {
        None: "has no entry prices.yaml",
        "a: [": "prices.yaml: line 2: ",
        "a: 1": "should be a list",
        "- {provider: OpenAI, provider: OpenAI}": "is there twice",
        "\x00": "is not YAML",
        "[" + "1," * MAX_ENTRIES + "1]": "more than",
    }
    for text, words in cases.items():
        found = read_book(text)
        assert found.listed == ()
        assert len(found.problems) == 1
        assert words in found.problems[0]


def test_aliases_that_grow_without_end_are_not_unfolded() -> None:
    """A few lines of YAML that stand for a billion values cost a moment and one problem."""
    bomb = "- &a [x, x]\n" + "".join(
        f"- &{chr(98 + n)} [{', '.join(f'*{chr(97 + n)}' for _ in range(9))}]\n" for n in range(20)
    )
    wrapped = bomb + "- {provider: OpenAI, model: m, pricing: {inputPerMillion: *t, outputPerMillion: *u}}\n"

    assert len(read_book(wrapped).problems) == 22
