"""Sound: speech from text, text from speech.

Speech is billed by the character where its answer tells no tokens, and so counts one token of input for each;
transcriptions by the second where they tell none, TOKENS_PER_SECOND of them.
Sources: OpenAI's API reference for audio (``stream_format``; ``usage.type`` tokens or duration) and its price list.
"""

import math
from typing import Final

import msgspec

from sluice_dataplane.dialects.edge import no_model, read_fields
from sluice_dataplane.dialects.frames import Framer
from sluice_dataplane.dialects.openai.fields import request_body
from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.passed.forms import Field, content_type_of, fields_of, text_of, with_model
from sluice_dataplane.dialects.passed.raw import RawFramer, RawWatcher
from sluice_dataplane.dialects.passed.usage import TOKENS_PER_SECOND, answer_usage
from sluice_dataplane.dialects.passed.wire import PassedWire
from sluice_dataplane.dialects.seam import Edit, Tally, Watcher, Wire
from sluice_dataplane.exchange import Ask, Exchange, Reported

SPOKEN_TOKENS_PER_CHARACTER: Final = 4  # of sound at most: 20 tokens a second, five characters a second when slow
SLOWEST: Final = 0.25  # of the usual speed
_BYTES_PER_SECOND: Final = 750  # of sound at least: 6 kbit/s


_BILLED: Final = (b'"input"', b'"instructions"', b'"speed"')


class _Spoken(msgspec.Struct):
    model: str = ""
    input: str = ""
    instructions: str | None = None
    speed: float | None = None


_spoken: Final = msgspec.json.Decoder(_Spoken)


class _Speech(PassedWire):
    stream_type = ""  # sound of whatever form was asked for, or events; as it comes

    def read_ask(self, exchange: Exchange) -> Ask:
        fields = read_fields(_spoken, exchange.body)
        if not fields.model:
            raise no_model()
        characters = max(len(fields.input), 1)
        slower = 1 if fields.speed is None else 1 / min(max(fields.speed, SLOWEST), 1)
        most = math.ceil(characters * SPOKEN_TOKENS_PER_CHARACTER * slower)
        told = len(fields.instructions or "")  # how to speak: read by the model, and billed as what is to be spoken
        return Ask(model=fields.model, stream=True, input_units=characters + told, output_bound=most)

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        return request_body(body, ask, edit, generates=False, has_options=False, billed=_BILLED)

    def framer(self) -> Framer:
        return RawFramer()

    def watcher(self, tally: Tally, *, keep_usage: bool) -> Watcher:  # noqa: ARG002  nothing is kept back
        return RawWatcher(tally)

    def error_event(self, body: bytes) -> bytes:  # noqa: ARG002  sound holds no words: it just ends, too early
        return b""


class _Heard(PassedWire):
    stream_type = "text/event-stream"

    def read_ask(self, exchange: Exchange) -> Ask:
        body = exchange.body
        fields = fields_of(body, exchange.route.content_type)
        model = text_of(body, fields, "model")
        if not model:
            raise no_model()
        seconds = -(-sum(field.size for field in fields if _is_sound(field)) // _BYTES_PER_SECOND)
        most = max(seconds * TOKENS_PER_SECOND, 1)
        return Ask(model=model, stream=text_of(body, fields, "stream") == "true", output_bound=most)

    def parts_of(self, body: bytes) -> Parts:
        files = [field for field in fields_of(body, content_type_of(body)) if _is_sound(field)]
        size = sum(field.size for field in files)
        return Parts(media_bytes=size, audio_bytes=size) if files else PLAIN

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        return body if edit.model == ask.model else with_model(body, edit.model)

    def read_usage(self, body: bytes) -> Reported | None:
        if not body.lstrip().startswith(b"{"):
            return None  # asked for as plain text or subtitles
        return answer_usage(body)


def _is_sound(field: Field) -> bool:
    """Whether *field* is the sound: some servers take it without a name of a file too."""
    return field.is_file or field.name == "file"


SPEECH: Final[Wire] = _Speech("speech", generates=True)
TRANSCRIPTIONS: Final[Wire] = _Heard("transcriptions", generates=True)
TRANSLATIONS: Final[Wire] = _Heard("translations", generates=True)
