"""The whole table, and which of its providers a model's name alone tells."""

from collections.abc import Mapping
from typing import Final

from sluice_contract.patterns import matches
from sluice_operator.providers.clouds import CLOUDS
from sluice_operator.providers.hosted import HOSTED
from sluice_operator.providers.paths import CHAT, COMPLETIONS, EMBEDDINGS
from sluice_operator.providers.row import Provider
from sluice_operator.providers.self_hosted import COMPATIBLE, SELF_HOSTED

ECHO: Final = "Echo"  # answered inside the data plane: no address, no credential
SERVICE: Final = "OpenAICompatible"  # what a Service behind a serviceRef is expected to speak

# No type by itself may reach a private network: an account says so (allowPrivateNetwork), and a serviceRef means it.
PROVIDERS: Final[Mapping[str, Provider]] = {
    **HOSTED,
    **CLOUDS,
    **COMPATIBLE,
    **SELF_HOSTED,
    ECHO: Provider(telemetry="sluice_echo", paths={**CHAT, **COMPLETIONS, **EMBEDDINGS}, auths=(), own=True),
}
_BY_PREFIX: Final = {prefix: name for name, row in PROVIDERS.items() for prefix in row.prefixes}
_BY_NAME: Final = tuple((pattern, name) for name, row in PROVIDERS.items() for pattern in row.names)


def detected(model: str) -> tuple[str, str] | None:
    """The type of the one provider that *model* can only mean, and that provider's name of it; None if none does.

    A prefix decides, such as ``anthropic/``, and is no part of the provider's name.  A name that ends in ``*`` stands
    for many, which must all mean the same.
    """
    prefix, slash, rest = model.partition("/")
    if slash and rest and (name := _BY_PREFIX.get(prefix.lower())) is not None:
        return name, rest
    lowered = model.lower()
    found = next((name for pattern, name in _BY_NAME if matches(pattern, lowered)), None)
    return None if found is None or slash else (found, model)
