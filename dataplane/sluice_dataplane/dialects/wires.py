"""Every wire the gateway speaks, by endpoint; and what reads and writes the conversations among them."""

from collections.abc import Mapping
from typing import Final

from sluice_dataplane.dialects.chat.codec import CHAT_CODEC
from sluice_dataplane.dialects.chat.wire import CHAT
from sluice_dataplane.dialects.converse.codec import CONVERSE_CODEC
from sluice_dataplane.dialects.converse.wire import CONVERSE
from sluice_dataplane.dialects.gemini.codec import GEMINI_CODEC
from sluice_dataplane.dialects.gemini.count import GEMINI_COUNT, GEMINI_EMBEDDINGS
from sluice_dataplane.dialects.gemini.wire import GEMINI
from sluice_dataplane.dialects.messages import headers
from sluice_dataplane.dialects.messages.codec import MESSAGES_CODEC
from sluice_dataplane.dialects.messages.count_tokens import COUNT_TOKENS
from sluice_dataplane.dialects.messages.wire import MESSAGES
from sluice_dataplane.dialects.passed import through
from sluice_dataplane.dialects.passed.audio import SPEECH, TRANSCRIPTIONS, TRANSLATIONS
from sluice_dataplane.dialects.passed.images import IMAGE_EDITS, IMAGE_VARIATIONS, IMAGES
from sluice_dataplane.dialects.passed.rankings import MODERATIONS, RERANK
from sluice_dataplane.dialects.passed.texts import COMPLETIONS, EMBEDDINGS
from sluice_dataplane.dialects.passed.through import PASSTHROUGH
from sluice_dataplane.dialects.responses.codec import RESPONSES_CODEC
from sluice_dataplane.dialects.responses.kept import RESPONSE
from sluice_dataplane.dialects.responses.tokens import RESPONSES_COMPACT, RESPONSES_TOKENS
from sluice_dataplane.dialects.responses.wire import RESPONSES
from sluice_dataplane.dialects.responses.wire import SENT as OF_RESPONSES
from sluice_dataplane.dialects.seam import BackCodec, FrontCodec, Wire
from sluice_dataplane.exchange import Endpoint

WIRES: Final[Mapping[Endpoint, Wire]] = {
    wire.name: wire
    for wire in (
        CHAT,
        MESSAGES,
        COUNT_TOKENS,
        RESPONSES,
        RESPONSES_TOKENS,
        RESPONSES_COMPACT,
        RESPONSE,
        GEMINI,
        GEMINI_COUNT,
        GEMINI_EMBEDDINGS,
        CONVERSE,
        COMPLETIONS,
        EMBEDDINGS,
        MODERATIONS,
        RERANK,
        IMAGES,
        IMAGE_EDITS,
        IMAGE_VARIATIONS,
        SPEECH,
        TRANSCRIPTIONS,
        TRANSLATIONS,
        PASSTHROUGH,
    )
}

# Calls with one input: all of it fits the model's context window.
CONVERSATIONS: Final[frozenset[Endpoint]] = frozenset(("chat", "messages", "responses", "gemini", "converse"))

# Calls that no provider charges for.
FREE: Final[frozenset[Endpoint]] = frozenset(("count_tokens", "gemini_count", "responses_tokens", "response"))

# Which conversation a call is translated to where a model's provider speaks several, and none is the client's: those
# that are the provider's own come before those that it offers for compatibility.
PREFERRED: Final[tuple[Endpoint, ...]] = ("gemini", "converse", "chat", "messages", "responses")

FRONTS: Final[Mapping[Endpoint, FrontCodec]] = {
    "chat": CHAT_CODEC,
    "messages": MESSAGES_CODEC,
    "responses": RESPONSES_CODEC,
    "gemini": GEMINI_CODEC,
}
BACKS: Final[Mapping[Endpoint, BackCodec]] = {
    "chat": CHAT_CODEC,
    "gemini": GEMINI_CODEC,
    "converse": CONVERSE_CODEC,
    "messages": MESSAGES_CODEC,
    "responses": RESPONSES_CODEC,
}

# Headers of clients that some wire passes on.
SENT_ON: Final = frozenset((*headers.SENT, *OF_RESPONSES, *through.SENT))
