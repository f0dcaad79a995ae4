"""What a request holds besides text, for its bound: sizes and types, never content."""

from typing import Final

import msgspec


class Parts(msgspec.Struct, frozen=True, gc=False):
    """What a request holds besides text.  Fields are named as ``messages[1].content[0]``; "" where there is none."""

    media_bytes: int = 0  # of the body, that are images or sound
    images: int = 0
    low_images: int = 0  # of those, the ones with ``detail: low``
    audio_bytes: int = 0  # decoded
    opaque: str = ""  # the first field whose tokens its bytes do not bound: a file, a video, what is kept elsewhere
    unpriced: str = ""  # the first field that asks for something besides tokens
    extra_tokens: int = 0  # that the provider adds for what the body only names, as tools of its own


PLAIN: Final = Parts()
