"""Kept responses: found by the key that made them, where they were made."""

from typing import Any

import msgspec
import pytest

from sluice_contract.snapshot import Credentials, Target
from sluice_dataplane.config.table import Table
from sluice_dataplane.dialects.responses import ids
from sluice_dataplane.errors import InvalidRequestError, UnknownResponseError
from sluice_dataplane.exchange import Ask, Exchange, Principal, Route
from sluice_dataplane.pipeline.keep import keeping, kept_plan, where_kept
from sluice_dataplane.pipeline.resolve import resolve
from support import builders

PEPPER = bytes(32)
TARGETS = tuple(Target(name=name, upstream_id="up", model="m") for name in ("a", "b"))
ME, OTHER = Principal(builders.key(), "c1"), Principal(builders.key(id="vkother"), "c1")


def table(**fields: Any) -> Table:
    """Two targets of one model, and a pepper."""
    parts = {"models": (builders.model(targets=TARGETS),), "credentials": Credentials(pepper_hex=PEPPER.hex())}
    return builders.table(**{**parts, **fields})


def wrapped(target: str = "b", *, key_id: str = "vktest") -> str:
    """What the client calls a response that *target* made."""
    return ids.wrap("resp_68af", ids.place_of("uid-echo", target), key_id=key_id, secret=PEPPER)


def about(id_: str, of: Table) -> Exchange:
    """A call to read the response *id_*."""
    return msgspec.structs.replace(
        builders.exchange(b"", of=of, endpoint="response"), route=Route(method="GET", id=id_)
    )


def test_a_response_is_read_where_it_was_made() -> None:
    """From the one target of all that keeps it, by the name it has there."""
    ask, plan = kept_plan(about(wrapped(), table()), ME, Ask(model=""))

    assert [each.target.name for each in plan.candidates] == ["b"]
    assert ask.kept is not None
    assert (ask.model, ask.kept.id, ask.kept.wrapped) == ("echo", "resp_68af", wrapped())


@pytest.mark.parametrize(
    ("id_", "who", "of"),
    [
        (wrapped(), OTHER, table()),
        (wrapped(key_id="vkother"), ME, table()),
        ("resp_68af", ME, table()),
        (wrapped()[:-1] + "e", ME, table()),
        (wrapped("c"), ME, table()),
        (wrapped(), ME, table(models=())),
        (wrapped(), ME, table(upstreams=())),
    ],
    ids=["another's", "not mine", "never wrapped", "forged", "no such target", "model gone", "upstream gone"],
)
def test_what_is_not_the_keys_is_not_there(id_: str, who: Principal, of: Table) -> None:
    """One answer for all: nobody learns what others keep."""
    with pytest.raises(UnknownResponseError):
        kept_plan(about(id_, of), who, Ask(model=""))


def goes_on(of: Table, body: bytes, who: Principal = ME) -> list[str]:
    """The targets that a call to make a response may go to."""
    call = builders.exchange(body, of=of, endpoint="responses")
    ask = keeping(call, who, Ask(model="echo"))
    return sorted(each.target.name for each in where_kept(resolve(of, who, ask, draw=lambda: 0.5), ask).candidates)


def test_what_goes_on_goes_where_the_one_before_is() -> None:
    """The first of a chain may go anywhere; those that follow it may not."""
    assert goes_on(table(), b'{"model":"echo"}') == ["a", "b"]
    assert goes_on(table(), b'{"model":"echo","previous_response_id":"%b"}' % wrapped().encode()) == ["b"]


@pytest.mark.parametrize(("previous", "who"), [(wrapped(), OTHER), (wrapped("c"), ME), ("resp_68af", ME), ("x", ME)])
def test_what_goes_on_from_nothing_is_a_400(previous: str, who: Principal) -> None:
    """Another key's response, one of a model that is gone, one that is no id of ours."""
    with pytest.raises(InvalidRequestError) as caught:
        goes_on(table(), b'{"model":"echo","previous_response_id":"%b"}' % previous.encode(), who)

    assert caught.value.code == "previous_response_not_found"


def test_without_a_secret_nothing_is_wrapped() -> None:
    """An install without a pepper could not seal its ids: then they are the provider's, and nothing is kept here."""
    of = table(credentials=Credentials())

    assert keeping(builders.exchange(of=of, endpoint="responses"), ME, Ask(model="echo")).kept is None
    assert keeping(builders.exchange(of=table(), endpoint="chat"), ME, Ask(model="echo")).kept is None


def test_without_a_pepper_nothing_kept_is_found() -> None:
    """Nobody can be told from anybody then, and so nobody goes on from anything."""
    bare = table(credentials=Credentials())
    forged = ids.wrap("resp_68af", ids.place_of("uid-echo", "b"), key_id="vktest", secret=b"")
    call = builders.exchange(b'{"model":"echo","previous_response_id":"resp_1"}', of=bare, endpoint="responses")

    with pytest.raises(UnknownResponseError):
        kept_plan(about(forged, bare), ME, Ask(model=""))
    with pytest.raises(InvalidRequestError) as caught:
        keeping(call, ME, Ask(model="echo"))
    assert caught.value.code == "previous_response_not_found"


@pytest.mark.parametrize(
    "named", [b'"conversation":"conv_1"', b'"conversation":{"id":"conv_1"}', b'"convers\\u0061tion":"c"']
)
def test_a_conversation_that_a_provider_keeps_is_nobodys(named: bytes) -> None:
    """Its id does not say whose it is: who learnt of one could read on in it."""
    call = builders.exchange(b'{"model":"echo",%s}' % named, of=table(), endpoint="responses")
    without = builders.exchange(b'{"model":"echo","conversation":null}', of=table(), endpoint="responses")

    with pytest.raises(InvalidRequestError) as caught:
        keeping(call, ME, Ask(model="echo"))
    assert caught.value.param == "conversation"
    assert keeping(without, ME, Ask(model="echo")).kept is not None
