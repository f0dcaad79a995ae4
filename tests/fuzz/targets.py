"""Everything that reads bytes of others, by name: what makes its inputs, what must hold of them, how many of all."""

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Final, NamedTuple

from fuzz import answers, corpus, forms, others, requests, streams
from sluice_dataplane.dialects.wires import WIRES


class Target(NamedTuple):
    """*make* gives an input, *check* raises where a promise is broken and says what came of it where none is."""

    make: Callable[[Random], bytes]
    check: Callable[[bytes, Random], str]
    weight: int


def _targets() -> dict[str, Target]:
    found: dict[str, Target] = {}
    for wire in WIRES:
        if wire not in ("converse", "passthrough", "response"):
            weight = 40 if wire in corpus.CONVERSATIONS else 20 if wire in forms.ENDPOINTS else 10
            found[f"ask {wire}"] = Target(partial(requests.make, wire), partial(requests.check, wire), weight)
        found[f"usage {wire}"] = Target(
            partial(answers.make, wire), partial(answers.check, wire), 30 if wire in corpus.CONVERSATIONS else 8
        )
        found[f"stream {wire}"] = Target(
            partial(streams.make, wire), partial(streams.check, wire), 16 if wire in corpus.CONVERSATIONS else 2
        )
    for wire in requests.CONVERSING:
        found[f"request {wire}"] = Target(partial(requests.make, wire), partial(requests.translate, wire), 100)
    for wire in corpus.CONVERSATIONS:
        found[f"answer {wire}"] = Target(partial(answers.make, wire), partial(answers.translate, wire), 50)
        found[f"events {wire}"] = Target(partial(streams.make, wire), partial(streams.translate, wire), 30)
    return found | {
        "kept ids": Target(partial(requests.make, "responses"), partial(requests.keep, "responses"), 20),
        "masked ids": Target(partial(answers.make, "responses"), partial(answers.mask, "responses"), 20),
        "ids": Target(others.make_id, others.check_id, 20),
        "paths": Target(others.make_path, others.check_path, 20),
        "headers": Target(others.make_headers, others.check_headers, 10),
        "sse": Target(others.make_sse, others.check_sse, 40),
        "aws": Target(others.make_aws, others.check_aws, 40),
    }


TARGETS: Final[Mapping[str, Target]] = _targets()
