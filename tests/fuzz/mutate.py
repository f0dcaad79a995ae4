"""Nearly right JSON: a tree with something else in one or more places, as bytes.  All of it comes from the seed.

What JSON's usual writers cannot write (a name twice, escapes in names, numbers past every limit, halves of surrogates,
arrays a thousand deep) is put into the tree as bytes of its own.
"""

from functools import cache
from random import Random
from typing import Any, Final

import msgspec

from fuzz import corpus

_encode: Final = msgspec.json.Encoder().encode
_ODD: Final[list[Any]] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        7,
        128,
        129,
        4096,
        2**31,
        2**31 + 1,
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64,
        -(2**63),
    ),
    *(0.0, 0.5, 1.5, 1e18, 1e300, "", " ", "0", "1", "-1", "1e3", "true", "null", "\x00", "\u2028", "é", "𝄞", "a" * 70),
    *(
        [],
        {},
        [[]],
        [{}],
        [None],
        {"": None},
        ["a"],
        [1],
        "{}",
        "[]",
        "{",
        '{"a":1}',
        "data:",
        "data:,",
        "data:;base64,",
    ),
    *(
        "data:image/png;base64,AAAA",
        "data:application/pdf;base64,AAAA",
        "http://x/y.png",
        "https://x",
        "gs://b/o",
        "file_1",
    ),
    *("none", "auto", "text", "function", "custom", "tool", "image", "object", "error", "sluice:chat::x", "sluice:::"),
    *("resp_0123456789abcdefghijkl_resp_0123456789", "priority", "fast", "AUDIO", "web_search", "code_execution"),
]
_RAW: Final[list[msgspec.Raw]] = [
    *map(
        msgspec.Raw,
        (
            *(b"1e999", b"-1e999", b"-0", b"1.0", b"7.0", b"1E2", b"1" + b"0" * 40, b"-" + b"9" * 30, b"1e-400"),
            *(b"0." + b"1" * 400, b"1" * 5000, b"NaN", b"Infinity", b"01", b"+1", b"nil", b"", b"{", b"]", b"{]", b'"'),
            *(
                b'"\\ud800"',
                b'"\\udc00\\ud800"',
                b'"\\ud834\\udd1e"',
                b'"\\u0000"',
                b'"\xff"',
                b'"\xed\xa0\x80"',
                b'"\\x"',
            ),
            *(b'{"a":1,"a":2}', b'{"\\u0061":1,"a":2}', b'{"a":1,}', b"[1,]", b"{a:1}", b"/**/1", b'"a" "b"', b" 1 \n"),
            *(b'{"\xff":1}', b'{"\\ud800":1}', b'{"type":"text","type":"image"}', b"\x00", b"\xef\xbb\xbf1"),
        ),
    )
]


def mutated(rng: Random, seeds: list[Any], *, bytes_too: bool = True) -> bytes:
    """One of *seeds* with one to four things wrong with it; now and then with bytes wrong as well."""
    tree = rng.choice(seeds)
    for _ in range(1 + (rng.random() < 0.5) + (rng.random() < 0.25) + (rng.random() < 0.1)):
        tree = _changed(rng, tree)
    written = _written(tree)
    return broken(rng, written) if bytes_too and rng.random() < 0.08 else written


def broken(rng: Random, data: bytes) -> bytes:
    """*data* with bytes changed, left out, put in or cut off."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(7):
            case 0 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at:at] = rng.choice(
                    (b"\x00", b"\xff", b'"', b"\\", b"{", b"}", b"[", b",", b":", b"\\u0000", b"\xed")
                )
            case 2:
                del out[at : at + rng.randrange(1, 12)]
            case 3:
                del out[at:]
            case 4:
                out[at:at] = out[at : at + rng.randrange(40)]
            case 5:
                out[:0] = rng.choice((b"\xef\xbb\xbf", b"\n", b" ", b"\x00", b"[", b"<html>"))
            case _:
                out[at:at] = rng.randbytes(rng.randrange(1, 8))
    return bytes(out)


def _written(tree: Any) -> bytes:
    """A byte that is no JSON passes, for so does msgspec what it is told is JSON."""
    try:
        return _encode(tree)
    except (UnicodeEncodeError, RecursionError):
        return b"{}"


def _changed(rng: Random, tree: Any) -> Any:
    """*tree*, which stays as it is, with one thing changed somewhere."""
    if isinstance(tree, dict) and tree and rng.random() < 0.88:
        name = rng.choice(list(tree))
        return {**tree, name: _changed(rng, tree[name])} if rng.random() < 0.8 else _object_changed(rng, tree, name)
    if isinstance(tree, list) and tree and rng.random() < 0.9:
        at = rng.randrange(len(tree))
        return (
            [*tree[:at], _changed(rng, tree[at]), *tree[at + 1 :]]
            if rng.random() < 0.85
            else _list_changed(rng, tree, at)
        )
    return _replaced(rng, tree)


def _object_changed(rng: Random, tree: dict[str, Any], name: str) -> Any:
    names, values = corpus.dictionary()
    match rng.randrange(6):
        case 0:
            return {key: value for key, value in tree.items() if key != name}
        case 1:
            return {**tree, rng.choice(names): rng.choice(values)}
        case 2:
            return {**tree, rng.choice(names): _odd(rng)}
        case 3:
            return {rng.choice(names) if key == name else key: value for key, value in tree.items()}
        case _:
            return _twice(rng, tree, name)


def _twice(rng: Random, tree: dict[str, Any], name: str) -> msgspec.Raw:
    """*tree* with *name* in it once more, maybe spelt with escapes, before or behind the others."""
    value = tree[name] if rng.random() < 0.3 else _odd(rng)
    written = _encode(name)
    if name and rng.random() < 0.4:
        at = rng.randrange(len(name))
        written = b'"%s\\u%04x%s"' % (name[:at].encode(), ord(name[at]) & 0xFFFF, name[at + 1 :].encode())
    members = [_encode(key) + b":" + _written(each) for key, each in tree.items()]
    members.insert(rng.randrange(len(members) + 1), written + rng.choice((b":", b" :", b"\n\t: ")) + _written(value))
    return msgspec.Raw(b"{" + b",".join(members) + b"}")


def _list_changed(rng: Random, tree: list[Any], at: int) -> Any:
    match rng.randrange(5):
        case 0:
            return tree[:at] + tree[at + 1 :]
        case 1:
            return tree[: at + 1] * rng.choice((2, 2, 3, 20)) + tree[at + 1 :]
        case 2:
            return rng.sample(tree, len(tree))
        case 3:
            return [*tree, _odd(rng)]
        case _:
            return tree[at]


def _replaced(rng: Random, value: Any) -> Any:
    chance = rng.random()
    if chance > 0.5:
        return _like(rng, value)
    if chance < 0.1:
        return [value]
    if chance < 0.15:
        return {rng.choice(corpus.dictionary()[0]): value}
    if chance < 0.18:
        return str(value)
    if chance < 0.19:
        return _nested(rng, value)
    if chance < 0.21:
        return rng.choice(("a", "é", "\\", '"', "\n", "{", "😀")) * (rng.choice((100, 1000, 20_000)))
    return _odd(rng)


def _nested(rng: Random, value: Any) -> msgspec.Raw:
    """*value* as deep as parsers go, about, or far deeper."""
    deep = rng.choice((3, rng.randrange(60, 200), rng.randrange(900, 1010), rng.randrange(900, 1010), 5_000))
    begin, end = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'{"content":[', b"]}"), (b'[{"parts":', b"}]")))
    return msgspec.Raw(begin * deep + _written(value) + end * deep)


def _like(rng: Random, value: Any) -> Any:
    """Another value of the same type, so that readers look further."""
    if isinstance(value, bool) or value is None:
        return not value
    kinds = (int, float) if isinstance(value, int | float) else (type(value),)
    known = _by_kind(kinds)
    return rng.choice(known) if known else value


@cache
def _by_kind(kinds: tuple[type, ...]) -> list[Any]:
    values = [*_ODD, *corpus.dictionary()[1]]
    return [each for each in values if isinstance(each, kinds) and not isinstance(each, bool)]


def _odd(rng: Random) -> Any:
    chance = rng.random()
    if chance < 0.45:
        return rng.choice(_ODD)
    return rng.choice(_RAW) if chance < 0.65 else rng.choice(corpus.dictionary()[1])
