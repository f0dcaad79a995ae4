"""What is asked?  Reads the fields the gateway owns; the body's bytes stay as they are."""

from sluice_dataplane.dialects.wires import WIRES
from sluice_dataplane.exchange import Ask, Exchange


def read(exchange: Exchange) -> Ask:
    """What *exchange* asks for.

    Raises:
        InvalidRequestError: the body is not what the endpoint takes; the message names the field.
    """
    return WIRES[exchange.endpoint].read_ask(exchange)
