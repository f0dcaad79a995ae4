"""Gemini's wire: what an answer says it used.

Source: Google's reference of ``UsageMetadata`` (Gemini API and Vertex AI).  The prompt's count includes the cached
content; what tools of Google's put into the prompt, and thoughts, are counted beside it and beside the candidates.
"""

from typing import Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects import values
from sluice_dataplane.dialects.gemini.tiers import tier_name
from sluice_dataplane.dialects.values import MAX_SERVICE_TIER, within
from sluice_dataplane.exchange import Reported


class _Sums(msgspec.Struct, rename="camel", gc=False):
    prompt_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    total_token_count: int | None = None


class _Details(msgspec.Struct, rename="camel", gc=False):
    prompt_tokens_details: msgspec.Raw = values.ABSENT
    tool_use_prompt_tokens_details: msgspec.Raw = values.ABSENT
    cache_tokens_details: msgspec.Raw = values.ABSENT
    candidates_tokens_details: msgspec.Raw = values.ABSENT
    service_tier: msgspec.Raw = values.ABSENT
    traffic_type: msgspec.Raw = values.ABSENT


class _OfModality(msgspec.Struct, rename="camel", gc=False):
    modality: str = ""
    token_count: int = 0


_sums: Final = msgspec.json.Decoder(_Sums)
_details: Final = msgspec.json.Decoder(_Details)
_modalities: Final = msgspec.json.Decoder(list[_OfModality])
_text: Final = msgspec.json.Decoder(str)


def reported_of(raw: msgspec.Raw) -> Reported | None:
    """What ``usageMetadata`` says; None where it makes no sense.  Details that make none are as if they were not."""
    try:
        sums, details = _sums.decode(raw), _details.decode(raw)
    except values.UNREADABLE:
        return None
    usage = _tokens(sums, details)
    if usage is None:
        return None
    tier = tier_name(_word(details.service_tier)) or tier_name(_word(details.traffic_type))
    return Reported(usage, tier[:MAX_SERVICE_TIER])


def _tokens(sums: _Sums, details: _Details) -> TokenUsage | None:
    thoughts, output = sums.thoughts_token_count or 0, sums.candidates_token_count or 0
    total, prompt = sums.total_token_count, sums.prompt_token_count
    beside = sums.tool_use_prompt_token_count or 0
    if prompt is None and total is not None:  # zero is left out
        prompt = max(total - beside - thoughts - output, 0)
    if prompt is None or min(prompt, beside, thoughts, output) < 0:
        return None
    whole, output = prompt + beside, output + thoughts
    if total is not None and total > whole + output:  # what only the sum has was used all the same
        output = total - whole
    if max(whole, output) > values.MAX_TOKENS:
        return None
    cached = within(sums.cached_content_token_count or 0, whole)
    inputs, tools = _by_modality(details.prompt_tokens_details), _by_modality(details.tool_use_prompt_tokens_details)
    outputs, kept = _by_modality(details.candidates_tokens_details), _by_modality(details.cache_tokens_details)
    audio = within(inputs.get("AUDIO", 0) + tools.get("AUDIO", 0), whole)
    return TokenUsage(
        input=whole,
        output=output,
        cached_input=cached,
        audio_input=audio,
        cached_audio=within(kept.get("AUDIO", 0), min(cached, audio)),
        image_input=within(inputs.get("IMAGE", 0) + tools.get("IMAGE", 0), whole),
        reasoning=thoughts,
        audio_output=within(outputs.get("AUDIO", 0), output),
        image_output=within(outputs.get("IMAGE", 0), output),
    )


def _by_modality(raw: msgspec.Raw) -> dict[str, int]:
    if raw is values.ABSENT:
        return {}
    try:
        found = _modalities.decode(raw)
    except values.UNREADABLE:
        return {}
    sums: dict[str, int] = {}
    for each in found:
        sums[each.modality] = sums.get(each.modality, 0) + max(each.token_count, 0)
    return sums


def _word(raw: msgspec.Raw) -> str:
    if raw is values.ABSENT:
        return ""
    try:
        return _text.decode(raw)
    except values.UNREADABLE:
        return ""
