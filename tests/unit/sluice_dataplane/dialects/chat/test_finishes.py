"""Why an answer ended, in both directions."""

import pytest

from sluice_dataplane.dialects.chat.finishes import read_finish, write_finish
from sluice_dataplane.dialects.conversation import Finish


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("", "stop"),
        ("length", "length"),
        ("tool_calls", "tools"),
        ("function_call", "tools"),
        ("content_filter", "filter"),
        ("model_length", "context"),
    ],
)
def test_word_is_read(word: str, finish: Finish) -> None:
    """Each provider's word has its meaning; one that nobody knows is a plain stop."""
    assert read_finish(word, called=False, refused=False) == finish


def test_stop_after_calls_is_for_the_calls() -> None:
    """Servers that say ``stop`` after calls mean the calls; a cut answer stays cut."""
    assert read_finish("stop", called=True, refused=False) == "tools"
    assert read_finish("length", called=True, refused=False) == "length"


def test_stop_after_a_refusal_is_a_refusal() -> None:
    """OpenAI says ``stop`` where the words are a refusal."""
    assert read_finish("stop", called=False, refused=True) == "refusal"


def test_refusal_without_words_is_filtered() -> None:
    """A client sees a refusal in words as OpenAI's, one without as content that was filtered."""
    assert write_finish("refusal", refused=True) == "stop"
    assert write_finish("refusal") == "content_filter"


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        ("stop_sequence", "stop"),
        ("pause", "stop"),
        ("context", "length"),
        ("tools", "tool_calls"),
        ("filter", "content_filter"),
    ],
)
def test_finish_is_written(finish: Finish, word: str) -> None:
    """Ends that have no word of their own are the nearest that OpenAI's SDKs know."""
    assert write_finish(finish) == word


def test_old_clients_get_their_word() -> None:
    """Who described functions waits for ``function_call``."""
    assert write_finish("tools", old=True) == "function_call"
    assert write_finish("stop", old=True) == "stop"
