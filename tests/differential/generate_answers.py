"""Answers for two translators, made by chance of a seed: what four APIs answer."""

from random import Random

from differential.generate import WORDS, Body, some


def chat_answer(rng: Random) -> Body:
    """A chat completion."""
    message: Body = {"role": "assistant", "content": rng.choice((*WORDS, None))}
    calls = [
        {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": '{"city": "Bonn"}'}}
        for name in rng.choice(([], ["weather"], ["weather", "now"]))
    ]
    message |= {"tool_calls": calls} if calls else {}
    message |= {"reasoning_content": "Let me think."} if some(rng, 0.2) else {}
    finish = "tool_calls" if calls else rng.choice(("stop", "length", "content_filter"))
    usage: Body = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}
    usage |= {"prompt_tokens_details": {"cached_tokens": 8}} if some(rng, 0.4) else {}
    usage |= {"completion_tokens_details": {"reasoning_tokens": 4}} if some(rng, 0.4) else {}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_780_000_000,
        "model": "up",
        "choices": [choice],
        "usage": usage,
    }


def messages_answer(rng: Random) -> Body:
    """Anthropic's answer."""
    content: list[Body] = []
    if some(rng, 0.3):
        content.append({"type": "thinking", "thinking": "Let me think.", "signature": "c2ln"})
    if some(rng, 0.7):
        content.append({"type": "text", "text": rng.choice(WORDS)})
    names = rng.choice(([], ["weather"], ["weather", "now"]))
    content += [{"type": "tool_use", "id": f"toolu_{each}", "name": each, "input": {"city": "Bonn"}} for each in names]
    stop = "tool_use" if names else rng.choice(("end_turn", "max_tokens", "stop_sequence", "refusal", "pause_turn"))
    usage: Body = {"input_tokens": 12, "output_tokens": 9}
    if some(rng, 0.5):
        usage |= {"cache_read_input_tokens": 100, "cache_creation_input_tokens": rng.choice((0, 50))}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "up",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": "END" if stop == "stop_sequence" else None,
        "usage": usage,
    }


def gemini_answer(rng: Random) -> Body:
    """Gemini's answer."""
    parts: list[Body] = []
    if some(rng, 0.3):
        parts.append({"text": "Let me think.", "thought": True})
    if some(rng, 0.7):
        parts.append({"text": rng.choice(WORDS)})
    names = rng.choice(([], ["weather"], ["weather", "now"]))
    parts += [{"functionCall": {"name": each, "args": {"city": "Bonn"}}} for each in names]
    finish = "STOP" if names else rng.choice(("STOP", "MAX_TOKENS", "SAFETY", "RECITATION"))
    usage: Body = {"promptTokenCount": 20, "candidatesTokenCount": 9, "totalTokenCount": 29}
    if some(rng, 0.4):
        usage |= {"cachedContentTokenCount": 8}
    if some(rng, 0.4):
        usage |= {"thoughtsTokenCount": 4, "totalTokenCount": 33}
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "up", "responseId": "r1"}


def converse_answer(rng: Random) -> Body:
    """Bedrock's answer."""
    content: list[Body] = []
    if some(rng, 0.3):
        content.append({"reasoningContent": {"reasoningText": {"text": "Let me think.", "signature": "c2ln"}}})
    if some(rng, 0.7):
        content.append({"text": rng.choice(WORDS)})
    names = rng.choice(([], ["weather"], ["weather", "now"]))
    content += [{"toolUse": {"toolUseId": f"t_{each}", "name": each, "input": {"city": "Bonn"}}} for each in names]
    stop = "tool_use" if names else rng.choice(("end_turn", "max_tokens", "stop_sequence", "guardrail_intervened"))
    usage: Body = {"inputTokens": 12, "outputTokens": 9, "totalTokens": 21}
    if some(rng, 0.4):
        usage |= {"cacheReadInputTokens": 100, "cacheWriteInputTokens": 50, "totalTokens": 171}
    message = {"role": "assistant", "content": content}
    return {"output": {"message": message}, "stopReason": stop, "usage": usage, "metrics": {"latencyMs": 1}}


ANSWERS = {
    "chat-messages": messages_answer,
    "chat-gemini": gemini_answer,
    "chat-converse": converse_answer,
    "messages-chat": chat_answer,
    "responses-chat": chat_answer,
}
