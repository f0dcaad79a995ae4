"""The gateway's translations of the same bodies."""

from typing import Any, Final

import msgspec

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Request
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import Shown, To
from sluice_dataplane.dialects.wires import BACKS, FRONTS
from sluice_dataplane.errors import InvalidRequestError
from support.wire_goldens import ask_of

SHOWN: Final = Shown(id="0123456789abcdef", model="pub", created_s=1_790_000_000)
# Of the models whose names the other translator is given: Claude Sonnet 4.5, Gemini 2.5 Pro.
CAPABILITIES: Final = Capabilities(
    max_output_tokens=64_000, vision=True, documents=True, tools=True, structured_output=True, reasoning="budget"
)
# The provider behind a chat is one that is not known: nothing is said of its model.
UNKNOWN: Final = Capabilities()


def request(pair: str, body: Any) -> dict[str, Any]:
    """What the provider gets of *body*, or the field for which it is refused."""
    front: Any
    back: Any
    front, back = pair.split("-")
    written = msgspec.json.encode(body)
    try:
        read = FRONTS[front].read_request(written, ask_of(front, written))
        losses = Losses(allowed=True, names=read.names)
        for field in read.beyond:
            losses.lose(field)
        able = UNKNOWN if back == "chat" else CAPABILITIES
        to = To(model="up", losses=losses, usual_ceiling=4_096, capabilities=able)
        return {"body": msgspec.json.decode(BACKS[back].write_request(read, to))}
    except InvalidRequestError as error:
        return {"error": f"{error.param}"}


def answer(pair: str, body: Any) -> dict[str, Any]:
    """What the client gets of *body*."""
    front: Any
    back: Any
    front, back = pair.split("-")
    read = BACKS[back].read_answer(msgspec.json.encode(body))
    return {"body": msgspec.json.decode(FRONTS[front].write_answer(read, Request(), SHOWN))}
