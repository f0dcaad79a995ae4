"""OpenAI's chat completions, passed on."""

from typing import Final

from sluice_dataplane.dialects.openai.parts import parts_of_chat
from sluice_dataplane.dialects.openai.wire import OpenAIWire
from sluice_dataplane.dialects.seam import Wire

CHAT: Final[Wire] = OpenAIWire("chat", parts_of=parts_of_chat)
