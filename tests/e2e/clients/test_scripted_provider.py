"""The scripted provider refuses what the real ones refuse, in their own words: else the matrix would prove nothing."""

from typing import Any

import httpx
import pytest

from support.every_wire import EveryWire

ASK = {"role": "user", "content": "hi"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USE = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
CONVERSE_USE = {"toolUseId": "c", "name": "f", "input": {}}
CONTENT = {"role": "user", "parts": [{"text": "hi"}]}
TURN = {"role": "user", "content": [{"text": "hi"}]}

PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"model": "m", "messages": [ASK]}),
    "responses": ("/v1/responses", {"model": "m", "input": "hi"}),
    "messages": ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [ASK]}),
    "gemini": ("/v1beta/models/m:generateContent", {"contents": [CONTENT]}),
    "converse": ("/model/m/converse", {"messages": [TURN]}),
}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("chat", {"top_k": 1}, "`top_k`"),
    ("chat", {"messages": [ASK, {"role": "tool", "tool_call_id": "c", "content": "x"}]}, "must be a response to"),
    (
        "chat",
        {"messages": [ASK, {"role": "assistant", "tool_calls": [CALL]}, ASK]},
        "must be followed by tool messages",
    ),
    ("chat", {"tool_choice": "auto"}, "'tools' are specified"),
    ("responses", {"max_output_tokens": 15}, ">= 16"),
    ("responses", {"stop": ["x"]}, "`stop`"),
    ("responses", {"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "No tool call found"),
    ("responses", {"previous_response_id": "resp_never"}, "not found"),
    ("messages", {"max_tokens": 0}, "max_tokens"),
    ("messages", {"seed": 1}, "`seed`"),
    ("messages", {"messages": [ASK, {"role": "assistant", "content": [USE]}, ASK]}, "without `tool_result`"),
    ("messages", {"messages": [ASK, {"role": "assistant", "content": [{**USE, "id": "a:b"}]}]}, "tool_use.id"),
    ("messages", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking.budget_tokens"),
    (
        "messages",
        {
            "messages": [
                ASK,
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "x"}]},
            ]
        },
        "Invalid `signature`",
    ),
    ("gemini", {"generationConfig": {"responseJsonSchema": {}}}, "response_mime_type"),
    ("gemini", {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"$ref": "#/x"}}]}]}, "$ref"),
    (
        "gemini",
        {"contents": [CONTENT, {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}, CONTENT]},
        "number of function response parts",
    ),
    (
        "gemini",
        {"contents": [{"role": "user", "parts": [{"text": "a", "functionCall": {"name": "f"}}]}]},
        "oneof field",
    ),
    ("converse", {"messages": [TURN, TURN]}, "alternate"),
    ("converse", {"messages": [{"role": "user", "content": [{"text": " "}]}]}, "blank"),
    ("converse", {"inferenceConfig": {"topK": 1}}, "`topK`"),
    ("converse", {"messages": [TURN, {"role": "assistant", "content": [{"toolUse": CONVERSE_USE}]}]}, "toolConfig"),
]
HEADERS = {"anthropic-version": "2023-06-01", "authorization": "Bearer up-secret"}


async def _asked(wire: str, more: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
    path, body = PATHS[wire]
    async with EveryWire() as upstream, httpx.AsyncClient(trust_env=False) as client:
        return await client.post(upstream.url(wire) + path, json=body | more, headers=headers)


def _message(wire: str, told: dict[str, Any]) -> str:
    """What an error says, where that wire says it."""
    error: dict[str, Any] = told if wire == "converse" else told["error"]
    return str(error["message"])


@pytest.mark.parametrize("wire", PATHS)
async def test_a_good_request_is_answered(wire: str) -> None:
    """What the others below add is what is refused."""
    assert (await _asked(wire, {}, HEADERS)).status_code == 200


@pytest.mark.parametrize(("wire", "more", "reason"), REFUSED)
async def test_a_bad_request_is_refused(wire: str, more: dict[str, Any], reason: str) -> None:
    """With 400, in that API's own form, and for what is wrong with it."""
    answer = await _asked(wire, more, HEADERS)

    assert answer.status_code == 400
    assert reason in _message(wire, answer.json())


@pytest.mark.parametrize("wire", PATHS)
async def test_a_wrong_key_is_refused(wire: str) -> None:
    """A gateway that sent its client's key on, or none, would be seen."""
    answer = await _asked(wire, {}, {**HEADERS, "authorization": "Bearer sk-client"})

    assert answer.status_code == 401
    assert _message(wire, answer.json())


@pytest.mark.parametrize("wire", PATHS)
async def test_a_provider_of_one_wire_has_no_other(wire: str) -> None:
    """So that a translation cannot be avoided by chance."""
    other = next(each for each in PATHS if each != wire)
    path, body = PATHS[wire]
    async with EveryWire() as upstream, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(upstream.url(other) + path, json=body, headers=HEADERS)

    assert answer.status_code == 404
