"""Where is it kept?  A call about a response that a provider keeps goes to where that was made, and to no other.

The id says where; it was given to one key, and is nobody else's.
"""

from typing import Final

import msgspec

from sluice_dataplane.config.table import Table
from sluice_dataplane.dialects.responses import ids
from sluice_dataplane.errors import InvalidRequestError, UnknownResponseError
from sluice_dataplane.exchange import Ask, Candidate, Exchange, Keeping, Plan, Principal

_KEEPING: Final = frozenset(("responses", "responses_tokens", "responses_compact"))


def kept_plan(exchange: Exchange, principal: Principal, ask: Ask) -> tuple[Ask, Plan]:
    """What *ask*, about the response that the path names, becomes, and the one place it can go.

    Raises:
        UnknownResponseError: there is no such response for this key, or what made it is gone.
    """
    wrapped, secret = exchange.route.id, exchange.table.pepper
    kept = ids.unwrap(wrapped, key_id=principal.key.id, secret=secret) if secret else None
    candidate = None if kept is None else _made_by(exchange.table, kept.place)
    if kept is None or candidate is None:
        raise UnknownResponseError("There is no such response, or this key has no access to it.", param="response_id")
    keeping = Keeping(principal.key.id, kept.id, wrapped)
    asked = msgspec.structs.replace(ask, model=candidate.model.name, kept=keeping)
    return asked, Plan(candidate.model, (candidate,))


def keeping(exchange: Exchange, principal: Principal, ask: Ask) -> Ask:
    """*ask*, if it makes a response, with what is needed to give that an id, and to find the response before it.

    Raises:
        InvalidRequestError: it goes on from a response that is not this key's, or from what no key can be told by.
    """
    if exchange.endpoint not in _KEEPING:
        return ask
    if ids.names_conversation(exchange.body):
        message = "conversation: there is no such conversation for this key; go on from previous_response_id."
        raise InvalidRequestError(message, code="previous_response_not_found", param="conversation")
    wrapped, secret = ids.previous_of(exchange.body), exchange.table.pepper
    if wrapped is None:
        return msgspec.structs.replace(ask, kept=Keeping(principal.key.id)) if secret else ask
    kept = ids.unwrap(wrapped, key_id=principal.key.id, secret=secret) if secret else None
    if kept is None:
        raise _no_previous()
    return msgspec.structs.replace(ask, kept=Keeping(principal.key.id, kept.id, wrapped, kept.place))


def where_kept(plan: Plan, ask: Ask) -> Plan:
    """*plan*; where *ask* goes on from a response, of the place alone that keeps that."""
    if ask.kept is None or not ask.kept.place:
        return plan
    place = ask.kept.place
    there = tuple([each for each in plan.candidates if ids.place_of(each.model.uid, each.target.name) == place])
    if not there:
        raise _no_previous()
    return Plan(plan.model, there)


def _no_previous() -> InvalidRequestError:
    message = "previous_response_id: there is no such response at this model for this key."
    return InvalidRequestError(message, code="previous_response_not_found", param="previous_response_id")


def _made_by(table: Table, place: bytes) -> Candidate | None:
    for model in table.served():
        for target in model.targets:
            if ids.place_of(model.uid, target.name) == place:
                upstream = table.upstreams.get(target.upstream_id or "")
                return None if upstream is None else Candidate(model, target, upstream, target.model)
    return None
