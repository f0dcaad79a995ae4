"""What is asked?  Reads the fields the gateway owns; the body's bytes stay as they are."""

from sluice_dataplane.dialects.passed.through import closed
from sluice_dataplane.dialects.wires import WIRES
from sluice_dataplane.exchange import Ask, Exchange, Principal


def read(exchange: Exchange, principal: Principal) -> Ask:
    """What *exchange* asks for.

    Raises:
        InvalidRequestError: the body is not what the endpoint takes; the message names the field.
        UnknownRouteError: it asks for a provider's own route that is not open, or not to *principal*.
    """
    ask = WIRES[exchange.endpoint].read_ask(exchange)
    if exchange.endpoint == "passthrough" and exchange.table.granted(principal.key, ask.model) is None:
        raise closed(exchange.route)
    return ask
