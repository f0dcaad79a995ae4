"""What each wire's goldens hold, as bytes that come in: bodies, and streams framed as their provider does."""

import base64
import json
from pathlib import Path
from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.event_stream import encode
from sluice_dataplane.dialects.wires import WIRES
from sluice_dataplane.exchange import Ask, Endpoint, Route
from support.builders import exchange

FOLDER: Final = Path(__file__).parents[1] / "golden"


def cases(wire: str, kind: str) -> list[str]:
    """The names of *wire*'s goldens of *kind* (request, answer, stream) that were made in its own words."""
    return sorted(path.stem for path in (FOLDER / wire).glob(f"{kind}-*.json"))


def golden(wire: str, case: str) -> dict[str, Any]:
    """One golden."""
    found: dict[str, Any] = json.loads((FOLDER / wire / f"{case}.json").read_text())
    return found


def body_of(wire: str, case: str) -> bytes:
    """A request or a plain answer, as it comes in."""
    return msgspec.json.encode(golden(wire, case)["wire"])


def frames_of(wire: str, case: str) -> list[bytes]:
    """The events of a stream, as they come in."""
    events = golden(wire, case)["events"]
    return [_framed(event) for event in events]


def _framed(event: Any) -> bytes:
    if isinstance(event, str):
        return event.encode()
    kind, payload = event[0], event[1]
    if isinstance(payload, str):
        return base64.b64decode(payload)
    message = "exception" if kind.startswith("exception:") or kind.endswith("Exception") else "event"
    name = kind.removeprefix("exception:")
    return encode({f":{message}-type": name, ":message-type": message}, msgspec.json.encode(payload))


def ask_of(wire: Endpoint, body: bytes) -> Ask:
    """What the gateway reads of a request."""
    call = exchange(body, endpoint=wire)
    if wire == "gemini":
        call = msgspec.structs.replace(call, route=Route(model="pub"))
    return WIRES[wire].read_ask(call)
