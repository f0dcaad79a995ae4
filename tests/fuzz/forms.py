"""Clients' forms: cut, doubled, renamed parts, and boundaries inside them."""

import re
from random import Random
from typing import Final

from fuzz.mutate import broken
from fuzz.oracles import need
from sluice_dataplane.dialects.seam import Edit, Wire
from sluice_dataplane.exchange import Ask, Endpoint

ENDPOINTS: Final[frozenset[Endpoint]] = frozenset(("transcriptions", "translations", "image_edits", "image_variations"))
# They generate, and take no ceiling.
UNCAPPED: Final[frozenset[str]] = frozenset((*ENDPOINTS, "images", "speech", "responses_compact"))
MARK: Final = b"x7-y"
CONTENT_TYPE: Final = f"multipart/form-data; boundary={MARK.decode()}"
_HEADS: Final = (
    *(b'form-data; name="%s"', b'form-data; name="%s"; filename="a.wav"', b'form-data; filename="a"; name="%s"'),
    *(b"form-data; name=%s", b"form-data; name*=utf-8''%s", b'form-data; name="x"; name="%s"', b'form-data;name="%s"'),
    *(
        b'form-data; x="; name=\\"%s\\""',
        b"attachment",
        b"",
        b'FORM-DATA; NAME="%s"',
        b'form-data; name="%s"; name="y"',
    ),
)
_NAMES: Final = (
    b"model",
    b"model",
    b"n",
    b"stream",
    b"file",
    b"image",
    b"user",
    b"prompt",
    b"\xff",
    b"mod\\el",
    b"Model",
)
_VALUES: Final = (
    *(
        b"m",
        b"other",
        b"1",
        b"2",
        b"true",
        b"false",
        b"",
        b"\xff\x00",
        b"a" * 3_000,
        b"--x7-y",
        b"--x7-y--",
        b"\r\n--x7-y",
    ),
    *(b"\r\n--x7-y\r\n", b"\r\n\r\n", b"1e3", "²".encode(), b" 1", b"10", b"11"),
)


def make(rng: Random) -> bytes:
    """A form, more or less."""
    parts = [_part(b'form-data; name="model"', b"m")] if rng.random() < 0.8 else []
    for _ in range(rng.choice((0, 1, 1, 2, 3, 70 if rng.random() < 0.05 else 4))):
        head = rng.choice(_HEADS) if rng.random() < 0.15 else _HEADS[rng.random() < 0.3]
        name = rng.choice(_NAMES)
        parts.append(_part(head % name if b"%s" in head else head, rng.choice(_VALUES)))
    rng.shuffle(parts)
    preamble = rng.choice((b"", b"", b"", b"", b"\r\n", b"hello", b"--other\r\n", b"x--\r\n\r\n", b"--x7-yz\r\n"))
    body = preamble + b"".join(parts) + b"--" + MARK + rng.choice((b"--", b"--", b"--\r\n", b"", b"\r\n", b"--\r\nend"))
    return broken(rng, body) if rng.random() < 0.25 else body


def _part(disposition: bytes, value: bytes) -> bytes:
    return b"--" + MARK + b"\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + value + b"\r\n"


def check_sent(wire: Wire, body: bytes, sent: bytes, ask: Ask, edit: Edit) -> None:
    """Whoever reads the form, whichever of two fields and whichever of two names, reads what was billed."""
    found: dict[bytes, set[bytes]] = {}
    whole = re.split(rb"\r\n--x7-y--", b"\r\n" + sent)[0]
    for each in whole.split(b"\r\n--x7-y\r\n")[1:]:
        head, _, value = each.partition(b"\r\n\r\n")
        for name in re.findall(rb"""(?i)[; ]name\*?=(?:utf-8'')?(?:"([^"]*)"|([^";\s]+))""", head):
            found.setdefault((name[0] or name[1]).replace(b"\\", b""), set()).add(value)
    models = found.get(b"model", set())
    if models == {b""} and edit.model == ask.model:
        return  # the provider's usual model, or none
    need(models <= {edit.model.encode()}, f"the provider reads {models}, not {edit.model}")
    if edit.model != ask.model:
        need(models == {edit.model.encode()}, f"the provider reads {models}, not {edit.model}")
    counts = found.get(b"n", set())
    if wire.name.startswith("image"):
        need(counts <= {str(ask.choices).encode(), b"0%d" % ask.choices}, f"n is {counts}, not {ask.choices}")
    streams = {each == b"true" for each in found.get(b"stream", set())}
    need(streams <= {ask.stream}, f"stream is {found.get(b'stream')}, not {ask.stream}")
    _check_rest(body, sent)


def _check_rest(body: bytes, sent: bytes) -> None:
    """What is no model is there as it was."""
    kept, now = (
        [each for each in re.split(rb"\r\n--x7-y", b"\r\n" + form) if not re.search(rb'(?i) ?name="?model', each)]
        for form in (body, sent)
    )
    need(kept == now, "another field was changed")
