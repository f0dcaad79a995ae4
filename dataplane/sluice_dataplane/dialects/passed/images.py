"""Images: made from words, or from images and words.

What one costs is told in tokens by newer models, and by the image by older ones: those need a price per request.
Sources: OpenAI's API reference for images (generations take JSON, edits and variations forms; ``stream``,
``partial_images``) and its page on the costs of images.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.edge import read_fields
from sluice_dataplane.dialects.openai.fields import request_body
from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.passed.forms import content_type_of, fields_of, text_of, with_model
from sluice_dataplane.dialects.passed.wire import PassedWire
from sluice_dataplane.dialects.seam import Edit, Wire
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Exchange

# Of one image at most: OpenAI's largest in high quality is 6,240, each of up to three partial ones 100 more.
MOST_IMAGE_TOKENS: Final = 8_192
MAX_IMAGES: Final = 10
MAX_DIGITS: Final = 9  # of a number in a form
_PICTURES: Final = ("image", "image[]", "mask")
_USUAL_MODEL: Final = "dall-e-2"  # where a request names none, by the API reference


class _Fields(msgspec.Struct):
    model: str | None = None
    n: int | None = None
    stream: bool | None = None
    user: str | None = None


_fields: Final = msgspec.json.Decoder(_Fields)


class _Generations(PassedWire):
    def read_ask(self, exchange: Exchange) -> Ask:
        fields = read_fields(_fields, exchange.body)
        return _ask(fields.model, fields.n, stream=bool(fields.stream), user=fields.user)

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        # Its stream has no options, and it knows no ceiling.
        return request_body(body, ask, edit, generates=False, has_options=False)


class _Forms(PassedWire):
    def read_ask(self, exchange: Exchange) -> Ask:
        body = exchange.body
        fields = fields_of(body, exchange.route.content_type)
        count = text_of(body, fields, "n")
        if count is not None and not (count.isascii() and count.isdigit() and len(count) <= MAX_DIGITS):
            raise InvalidRequestError("n: should be a number.", param="n")
        return _ask(
            text_of(body, fields, "model"),
            None if count is None else int(count),
            stream=text_of(body, fields, "stream") == "true",
            user=text_of(body, fields, "user"),
        )

    def parts_of(self, body: bytes) -> Parts:
        fields = fields_of(body, content_type_of(body))
        files = [field for field in fields if field.is_file or field.name in _PICTURES]
        return Parts(media_bytes=sum(field.size for field in files), images=len(files)) if files else PLAIN

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        return body if edit.model == ask.model else with_model(body, edit.model)


def _ask(model: str | None, count: int | None, *, stream: bool, user: str | None) -> Ask:
    if count is not None and not 1 <= count <= MAX_IMAGES:
        raise InvalidRequestError(f"n: must be between 1 and {MAX_IMAGES}.", param="n")
    return Ask(
        model=model or _USUAL_MODEL,
        stream=stream,
        choices=count or 1,
        output_bound=MOST_IMAGE_TOKENS,
        user=user,
    )


IMAGES: Final[Wire] = _Generations("images", generates=True)
IMAGE_EDITS: Final[Wire] = _Forms("image_edits", generates=True)
IMAGE_VARIATIONS: Final[Wire] = _Forms("image_variations", generates=True)
