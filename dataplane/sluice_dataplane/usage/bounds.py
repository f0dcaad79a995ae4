"""The most that a request can come to, before it is sent: counted from its bytes, with no tokenizer.  Pure.

- Text: a token is at least one byte of it, so that it has no more tokens than bytes.  What a message is wrapped in is
  shorter than the JSON around it; what providers put before all messages is TEMPLATE_TOKENS, and INSTRUCTION_TOKENS
  more where they describe tools or a form of the answer.
- All that is not an image fits the model's context window, where that is known.
- Images and sound are not text: each image is as many tokens as its model bills at most, sound as many as it can last.
- What bytes cannot bound (files, videos, what the provider has stored) is bounded by the context window or not at all.
"""

import re
from functools import lru_cache
from typing import Final

import msgspec

from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.wires import CONVERSATIONS, FREE, WIRES
from sluice_dataplane.exchange import Ask, Candidate, Endpoint

BYTES_PER_TOKEN: Final = 3  # of text, for estimates; OpenAI's own rule of thumb is 4: fewer bytes count more tokens
MOST_BYTES_PER_TOKEN: Final = 8  # of text that means something, over a whole request: long words come to 6
TEMPLATE_TOKENS: Final = 128
INSTRUCTION_TOKENS: Final = 1_024  # Anthropic's system prompt for tools: up to 804 tokens (its page on tool use)

_TOOLS: Final = re.compile(rb'"(?:tool|function|custom)')

# Gemini counts 32 tokens a second (its page on tokens), OpenAI 10; speech needs 6 kbit/s at least (Opus), so 750 B/s.
AUDIO_TOKENS_PER_SECOND: Final = 32
AUDIO_BYTES_PER_SECOND: Final = 750

# Tokens of one image at most, (any, with ``detail: low``), by the upstream's name of the model.  OpenAI ("Images and
# vision", calculating costs): tiles of 512 px, at most 8 of them; gpt-4o-mini bills 2,833 and 5,667 a tile; the small
# ones of 4.1, 5 and o4 bill 1,536 patches × 2.46 at most and know no cheaper detail.  Anthropic ("Vision"): 4,784.
_IMAGES: Final = (
    (re.compile(r"gpt-4o-mini"), (2_833 + 8 * 5_667, 2_833)),
    (re.compile(r"(gpt-(4\.1|5)|o4)-(mini|nano)"), (3_779, 3_779)),
    (re.compile(r"gpt-4o|gpt-4\.1|gpt-4-turbo"), (85 + 8 * 170, 85)),
    (re.compile(r"gpt-5(-2025|-chat|$)"), (70 + 8 * 140, 70)),
    (re.compile(r"(^|[/.])o[13](-pro|-\d|$)"), (75 + 8 * 150, 75)),
    (re.compile(r"claude-"), (4_784, 4_784)),
)
# Of any other: 60 megapixels, the most that is taken, in patches of 32 × 32 at 1.2 tokens (newer OpenAI models have no
# other cap).  Together bills 6,404, Qwen 16,384, Gemini 258 for each 768 × 768.
MOST_IMAGE_TOKENS: Final = 72_000


class Bound(msgspec.Struct, frozen=True, gc=False):
    """The most tokens that the input of a request can come to.

    ``audio`` and ``image`` are how many of them can be such.  ``likely`` is what they come to by an estimate on the
    high side, ``least`` what the text surely comes to, by far.  ``opaque`` names the field that nothing bounds;
    ``unpriced`` the one no price of tokens covers.
    """

    input: int
    likely: int
    audio: int = 0
    image: int = 0
    opaque: str = ""
    unpriced: str = ""
    least: int = 0


class Scan(msgspec.Struct, frozen=True, gc=False):
    """What a bound needs of a body, whoever gets it: what takes long where the body is large."""

    parts: Parts
    text_bytes: int  # as UTF-8 at most
    instructed: bool  # calls of tools in the conversation bring their descriptions along, also where the body has none


def scan_of(endpoint: Endpoint, body: bytes) -> Scan:
    """What is in *body*."""
    parts = PLAIN if endpoint in FREE else WIRES[endpoint].parts_of(body)
    text_bytes = len(body) - parts.media_bytes
    if b"\\" in body and not parts.media_bytes:
        # An escape of six bytes stands for three of UTF-8 at most.  Behind another backslash it may be none.
        text_bytes -= 3 * (body.count(b"\\u") - body.count(b"\\\\u"))
    return Scan(parts, text_bytes, endpoint in CONVERSATIONS and _TOOLS.search(body) is not None)


def bound_of(
    endpoint: Endpoint,
    body: bytes,
    ask: Ask,
    candidates: tuple[Candidate, ...],
    *,
    context_window: int | None,
    scan: Scan | None = None,
) -> Bound:
    """The bound of *body*, whichever of *candidates* gets it; *context_window* None: not known for all of them.

    *scan* is what :func:`scan_of` found, where somebody has looked before.
    """
    if endpoint in FREE:
        return Bound(0, -(-len(body) // BYTES_PER_TOKEN))  # it counts against rates, and against nothing else
    if ask.input_units:
        return Bound(ask.input_units, ask.input_units, unpriced=ask.unpriced)
    scan = scan or scan_of(endpoint, body)
    parts, text_bytes = scan.parts, scan.text_bytes
    instructed = ask.instructed or scan.instructed
    most = text_bytes + (TEMPLATE_TOKENS + INSTRUCTION_TOKENS if instructed else TEMPLATE_TOKENS)
    most += parts.extra_tokens
    likely = -(-text_bytes // BYTES_PER_TOKEN)
    if context_window is not None and endpoint not in CONVERSATIONS:
        context_window = None  # the other endpoints take several inputs at once
    least = text_bytes // MOST_BYTES_PER_TOKEN
    if parts is not PLAIN:
        return _with_parts(parts, most, likely, least, context_window, ask, candidates)
    if context_window is not None and most > context_window:
        most, likely = context_window, min(likely, context_window)
    return Bound(most, likely, unpriced=ask.unpriced, least=least)


def _with_parts(
    parts: Parts, most: int, likely: int, least: int, window: int | None, ask: Ask, candidates: tuple[Candidate, ...]
) -> Bound:
    opaque = parts.opaque
    audio = -(-parts.audio_bytes * AUDIO_TOKENS_PER_SECOND // AUDIO_BYTES_PER_SECOND)
    most, likely = most + audio, likely + audio
    if window is not None:
        if opaque:
            most = likely = audio = window
            opaque = ""
        most, likely = min(most, window), min(likely, window)
    image = 0
    if parts.images:
        high, low = _image_tokens(candidates)
        image = (parts.images - parts.low_images) * high + parts.low_images * low
    pages = most if parts.opaque else 0  # a file's are images as well as text
    return Bound(most + image, likely + image, audio, image + pages, opaque, ask.unpriced or parts.unpriced, least)


def _image_tokens(candidates: tuple[Candidate, ...]) -> tuple[int, int]:
    sizes = [image_tokens(each.upstream_model) for each in candidates]
    return max(high for high, _ in sizes), max(low for _, low in sizes)


@lru_cache(maxsize=1_024)
def image_tokens(upstream_model: str) -> tuple[int, int]:
    """The most tokens of one image for the model of that name: in any detail, and in ``low``."""
    for pattern, tokens in _IMAGES:
        if pattern.search(upstream_model):
            return tokens
    return MOST_IMAGE_TOKENS, MOST_IMAGE_TOKENS
