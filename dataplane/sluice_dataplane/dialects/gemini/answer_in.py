"""Gemini's wire: a provider's answer in no provider's words."""

import msgspec

from sluice_dataplane.dialects.conversation import Answer, Choice, Part, Refusal, Text, TokenChance, ToolCall
from sluice_dataplane.dialects.gemini import answer_shapes as shapes
from sluice_dataplane.dialects.gemini.cited import Ruler, read_citations
from sluice_dataplane.dialects.gemini.contents_in import code_text
from sluice_dataplane.dialects.gemini.finishes import finish_of
from sluice_dataplane.dialects.gemini.media import media_of
from sluice_dataplane.dialects.gemini.thoughts import thought_of
from sluice_dataplane.dialects.gemini.usage import reported_of
from sluice_dataplane.dialects.values import said


def read_answer(body: bytes) -> Answer:
    """What *body* answers.

    Raises:
        ValueError: it is no answer, or an error in spite of its status.
    """
    try:
        answer = shapes.response.decode(body)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    reported = reported_of(answer.usage_metadata) if said(answer.usage_metadata) else None
    blocked = blocked_choice(answer)
    if said(answer.error) or (answer.candidates is None and blocked is None and reported is None):
        raise ValueError("it has no candidates, and does not say why")
    ids = CallIds(answer.response_id or "")
    choices = tuple(_choice(each, ids) for each in _in_order(answer.candidates or []))
    return Answer(
        id=answer.response_id or "",
        model=answer.model_version or "",
        choices=choices or (blocked or Choice(parts=()),),
        usage=None if reported is None else reported.usage,
        service_tier="" if reported is None else reported.service_tier,
    )


class CallIds:
    """Ids for the calls of one answer that come without: by the answer's own and their number."""

    __slots__ = ("_answer", "_count")

    def __init__(self, answer: str) -> None:
        self._answer = answer
        self._count = 0

    def of(self, call: shapes.Call) -> str:
        """The id of the next call."""
        number = self._count
        self._count += 1
        return call.id or (f"call_{self._answer}_{number}" if self._answer else f"call_{number}")


def blocked_choice(answer: shapes.Response) -> Choice | None:
    """What stands for the answer where the prompt was blocked; None where it was not."""
    feedback = answer.prompt_feedback
    if feedback is None or not feedback.block_reason:
        return None
    message = feedback.block_reason_message
    return Choice(parts=(Refusal(text=message),) if message else (), finish="filter")


def read_part(part: shapes.Part, ids: CallIds) -> list[Part]:
    """What *part* says; nothing if it is of no known kind."""
    signature = part.thought_signature or ""
    if part.function_call is not None:
        return [_call(part.function_call, signature, ids)]
    if part.thought or (signature and not _words(part)):
        return [thought_of(part.text or "", signature)] if part.text or signature else []
    found: list[Part] = []
    if words := _words(part):
        found.append(Text(text=words))
    elif part.inline_data is not None and part.inline_data.data:
        media = media_of(part.inline_data.mime_type or "", part.inline_data.data)
        found += [] if media is None else [media]
    return [*found, thought_of("", signature)] if signature else found


def read_chances(found: shapes.Chances | None) -> tuple[TokenChance, ...] | None:
    """The log probabilities of the tokens that were chosen; None where nothing is said of them."""
    if found is None or not found.chosen_candidates:
        return None
    tops = found.top_candidates or []
    return tuple(
        _chance(each, tuple(map(_chance, tops[number].candidates or ())) if number < len(tops) else ())
        for number, each in enumerate(found.chosen_candidates)
    )


def arguments_of(call: shapes.Call) -> str:
    """The arguments' JSON.  Raises ValueError where they are no UTF-8."""
    return bytes(call.args).decode() if said(call.args) else ""


def _words(part: shapes.Part) -> str:
    if part.executable_code is not None:
        return code_text(part.executable_code.code or "", part.executable_code.language or "")
    if part.code_execution_result is not None:
        return code_text(part.code_execution_result.output or "")
    return part.text or ""


def _call(call: shapes.Call, signature: str, ids: CallIds) -> ToolCall:
    return ToolCall(id=ids.of(call), name=call.name or "", arguments=arguments_of(call), signature=signature)


def _chance(chance: shapes.Chance, top: tuple[TokenChance, ...] = ()) -> TokenChance:
    return TokenChance(token=chance.token or "", logprob=chance.log_probability or 0.0, top=top)


def _in_order(candidates: list[shapes.Candidate]) -> list[shapes.Candidate]:
    return sorted(candidates, key=lambda each: each.index or 0)


def _choice(candidate: shapes.Candidate, ids: CallIds) -> Choice:
    content = candidate.content
    parts: list[Part] = []
    for part in (content.parts if content else None) or ():
        parts += read_part(part, ids)
    _cite(parts, candidate)
    called = any(isinstance(part, ToolCall) for part in parts)
    return Choice(
        parts=tuple(parts),
        finish=finish_of(candidate.finish_reason or "", called=called),
        logprobs=read_chances(candidate.logprobs_result),
    )


def _cite(parts: list[Part], candidate: shapes.Candidate) -> None:
    """Give the citations to the first text, whose places they nearly always mean."""
    place, text = next(((n, part) for n, part in enumerate(parts) if isinstance(part, Text)), (0, None))
    if text is not None:
        citations = read_citations(candidate, Ruler(text.text))
        if citations:
            parts[place] = msgspec.structs.replace(text, citations=tuple(citations))
