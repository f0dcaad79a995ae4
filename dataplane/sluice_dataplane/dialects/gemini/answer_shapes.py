"""Gemini's wire: an answer of the provider, and each chunk of a stream, as far as they are understood.

Source: Google's reference of ``GenerateContentResponse`` (Gemini API v1beta and Vertex AI v1).  Google answers in
camelCase only.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.values import ABSENT


class _Shape(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What is not known is left out; null is as good as nothing."""


class Blob(_Shape, frozen=True):
    """A picture or sound that was made."""

    mime_type: str | None = None
    data: str | None = None


class Call(_Shape, frozen=True):
    """A call of a function."""

    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = ABSENT


class Code(_Shape, frozen=True):
    """Code that Google ran."""

    code: str | None = None
    language: str | None = None


class CodeResult(_Shape, frozen=True):
    """What it gave."""

    output: str | None = None


class Part(_Shape, frozen=True):
    """One part; what is of no known kind says nothing."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: Call | None = None
    inline_data: Blob | None = None
    executable_code: Code | None = None
    code_execution_result: CodeResult | None = None


class Content(_Shape, frozen=True):
    """What a candidate says."""

    parts: list[Part] | None = None


class Source(_Shape, frozen=True):
    """A page of the web, a place, or a document that was searched."""

    uri: str | None = None
    title: str | None = None
    text: str | None = None


class Chunk(_Shape, frozen=True):
    """What the answer rests on."""

    web: Source | None = None
    maps: Source | None = None
    retrieved_context: Source | None = None


class Segment(_Shape, frozen=True):
    """A piece of the answer; ``start_index`` and ``end_index`` are bytes of its UTF-8."""

    part_index: int | None = None
    start_index: int | None = None
    end_index: int | None = None
    text: str | None = None


class Support(_Shape, frozen=True):
    """Which piece of the answer rests on what."""

    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class Grounding(_Shape, frozen=True):
    """What a search found, and where the answer uses it."""

    grounding_chunks: list[Chunk] | None = None
    grounding_supports: list[Support] | None = None


class Recited(_Shape, frozen=True):
    """A source that the answer repeats."""

    uri: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Recitations(_Shape, frozen=True):
    """The Gemini API calls them sources, Vertex AI citations."""

    citation_sources: list[Recited] | None = None
    citations: list[Recited] | None = None


class Chance(_Shape, frozen=True):
    """The log probability of one token."""

    token: str | None = None
    log_probability: float | None = None


class Likeliest(_Shape, frozen=True):
    """The likeliest tokens in one place."""

    candidates: list[Chance] | None = None


class Chances(_Shape, frozen=True):
    """The log probabilities of all tokens."""

    chosen_candidates: list[Chance] | None = None
    top_candidates: list[Likeliest] | None = None


class Candidate(_Shape, frozen=True):
    """One answer."""

    content: Content | None = None
    finish_reason: str | None = None
    index: int | None = None
    grounding_metadata: Grounding | None = None
    citation_metadata: Recitations | None = None
    logprobs_result: Chances | None = None


class Feedback(_Shape, frozen=True):
    """Why the prompt was not answered."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class Response(_Shape, frozen=True):
    """An answer, or a chunk of one."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: msgspec.Raw = ABSENT
    model_version: str | None = None
    response_id: str | None = None
    error: msgspec.Raw = ABSENT


response: Final = msgspec.json.Decoder(Response)
