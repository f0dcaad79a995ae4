"""Gemini's wire: an answer in no provider's words, for a client."""

from typing import Any

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import (
    Answer,
    Audio,
    Choice,
    Citation,
    Image,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    TokenChance,
    ToolCall,
)
from sluice_dataplane.dialects.gemini import thoughts
from sluice_dataplane.dialects.gemini.cited import Ruler, write_citations
from sluice_dataplane.dialects.gemini.contents_out import Json, write_call
from sluice_dataplane.dialects.gemini.finishes import reason_of
from sluice_dataplane.dialects.gemini.media import inline, write_audio
from sluice_dataplane.dialects.seam import Shown


def write_answer(answer: Answer, request: Request, shown: Shown) -> bytes:  # noqa: ARG001  the seam's words
    """*answer* as a body."""
    body: Json = {"candidates": [_candidate(choice, number) for number, choice in enumerate(answer.choices)]}
    if answer.usage is not None:
        body["usageMetadata"] = write_usage(answer.usage, answer.service_tier)
    body["modelVersion"] = answer.model or shown.model
    body["responseId"] = answer.id or shown.id
    return msgspec.json.encode(body)


def candidate_of(parts: list[Json], number: int) -> Json:
    """A candidate that says *parts*."""
    return {"content": {"parts": parts, "role": "model"}, "index": number}


def write_usage(usage: TokenUsage, service_tier: str) -> Json:
    """``usageMetadata``: thoughts beside the candidates; sound and pictures told apart where there are some."""
    written: Json = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": usage.output - usage.reasoning,
        "totalTokenCount": usage.total,
    }
    if usage.reasoning:
        written["thoughtsTokenCount"] = usage.reasoning
    if usage.cached_input:
        written["cachedContentTokenCount"] = usage.cached_input
    details = {
        "promptTokensDetails": _details(usage.input, usage.audio_input, usage.image_input),
        "cacheTokensDetails": _details(usage.cached_input, usage.cached_audio, 0),
        "candidatesTokensDetails": _details(usage.output - usage.reasoning, usage.audio_output, usage.image_output),
    }
    written |= {name: each for name, each in details.items() if each}
    return written | {"serviceTier": service_tier} if service_tier else written


def write_chances(chances: tuple[TokenChance, ...]) -> Json:
    """``logprobsResult``."""
    return {
        "chosenCandidates": [_chance(each) for each in chances],
        "topCandidates": [{"candidates": [_chance(top) for top in each.top]} for each in chances],
    }


def _candidate(choice: Choice, number: int) -> Json:
    parts: list[Json] = []
    cited: list[tuple[int, Citation, Ruler]] = []
    for part in choice.parts:
        written = _part(part)
        if written is None:
            continue
        if isinstance(part, Text) and part.citations:
            ruler = Ruler(part.text)
            cited += [(len(parts), citation, ruler) for citation in part.citations]
        parts.append(written)
    candidate = candidate_of(parts, number) | {"finishReason": reason_of(choice.finish)}
    grounding = write_citations(cited)
    if grounding:
        candidate["groundingMetadata"] = grounding
    if choice.logprobs:
        candidate["logprobsResult"] = write_chances(choice.logprobs)
        candidate["avgLogprobs"] = sum(each.logprob for each in choice.logprobs) / len(choice.logprobs)
    return candidate


def _part(part: Part) -> Json | None:
    """What this wire cannot say in an answer is left out."""
    match part:
        case Text(text=text) | Refusal(text=text):
            return {"text": text}
        case Thinking():
            return thoughts.part_of(part)
        case ToolCall():
            return write_call(part)
        case Image(data=data, media_type=media_type) if data:
            return inline(media_type, data)
        case Audio():
            return write_audio(part)
        case _:
            return None


def _details(whole: int, audio: int, image: int) -> list[dict[str, Any]]:
    """None where all of it is text."""
    if not audio and not image:
        return []
    sums = {"TEXT": max(whole - audio - image, 0), "AUDIO": audio, "IMAGE": image}
    return [{"modality": name, "tokenCount": tokens} for name, tokens in sums.items() if tokens]


def _chance(chance: TokenChance) -> Json:
    return {"token": chance.token, "logProbability": chance.logprob}
