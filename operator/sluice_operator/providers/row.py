"""One row: all that a provider's type tells us, and what follows from a row alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from sluice_contract.patterns import matches

Dialect = Literal["Chat", "Messages", "Responses", "Gemini", "Converse"]
AuthType = Literal["APIKey", "None", "AWS", "GCP", "AzureAD", "OAuth2"]
Parameter = Literal["region", "project", "location", "accountID"]

# The conversations that can be translated into each other, by the word of a manifest: the endpoint's own name first,
# then what goes with it and is of no use without.
DIALECTS: Final[Mapping[Dialect, tuple[str, ...]]] = {
    "Chat": ("chat",),
    "Messages": ("messages", "messages.stream", "count_tokens"),
    "Responses": ("responses", "responses_tokens", "responses_compact", "response"),
    "Gemini": ("gemini", "gemini.stream", "gemini_count", "gemini_embeddings"),
    "Converse": ("converse", "converse.stream"),
}
CONVERSATIONS: Final = tuple(names[0] for names in DIALECTS.values())


@dataclass(frozen=True, slots=True)
class Known:
    """Models whose name fits *pattern* know these conversations only, the best first."""

    pattern: str
    speaks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What holds for every account of one type unless its spec says otherwise.

    ``base_url`` None has no default: the spec must name one.  It and ``paths`` may hold parameters of the spec, such
    as ``{region}``; ``{model}``, ``{id}`` and ``{method}`` in a path are the data plane's.  ``paths`` are what is
    spoken, by endpoint, conversations in the order of preference; each is appended to the base URL.  Where the URL
    that people copy for one of the APIs goes further than that, ``tails`` are what it ends in: the longest is cut off.

    ``telemetry`` is OpenTelemetry's ``gen_ai.provider.name``.  ``book`` is the provider's name in the price book; None
    is never looked up there: what runs on one's own machines has no list price.  ``names`` are patterns of models'
    names (in lower case) that nobody else gives, ``prefixes`` what stands before a slash to mean this provider.
    """

    telemetry: str
    base_url: str | None = None
    elsewhere: Mapping[str, str] = field(default_factory=dict)  # other base URLs, by location
    paths: Mapping[str, str] = field(default_factory=dict)
    tails: tuple[str, ...] = ()
    book: str | None = None
    auths: tuple[AuthType, ...] = ("APIKey", "None")
    auth_header: str = "authorization"
    auth_prefix: str = "Bearer "
    service: str = ""  # AWS: what a signature is for
    scope: str = ""  # OAuth2: of the token that is asked for, where the spec names none
    quirks: tuple[str, ...] = ()
    known: tuple[Known, ...] = ()  # the first that fits holds; models that fit none know all that is spoken
    names: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    own: bool = False  # a server of one's own: no credential is asked for, and its models may be called anything
    wider: Mapping[Dialect, Mapping[str, str]] = field(default_factory=dict)  # what ``dialects`` may add
    note: str = ""  # for the reference

    def dialects(self) -> tuple[Dialect, ...]:
        """What it speaks by itself."""
        return tuple(dialect for dialect, names in DIALECTS.items() if names[0] in self.paths)

    def takes(self, parameter: Parameter) -> bool:
        """Whether *parameter* is of any use to it."""
        return self.needs(parameter) or f"{{{parameter}}}" in (self.base_url or "")

    def needs(self, parameter: Parameter) -> bool:
        """Whether *parameter* must be said even where the spec names a base URL."""
        word = f"{{{parameter}}}"
        return any(word in path for path in self.paths.values()) or (parameter == "region" and bool(self.service))


def spoken_by(row: Provider, model: str, spoken: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the conversations *spoken* the provider's *model* knows, the best first.

    A name that ends in ``*`` stands for many: a row's pattern counts if it covers them all.  A manifest that leaves
    nothing of what the row says of a model is taken at its word.
    """
    lowered = model.lower()
    for known in row.known:
        if matches(known.pattern, lowered):
            return tuple(each for each in known.speaks if each in spoken) or spoken
    return spoken
