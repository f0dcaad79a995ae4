"""What one of several data planes may grant of limits that all share, while nobody counts for all.  Pure."""

import msgspec

from sluice_dataplane.limits.store import Rate, Reservation, Slot


def rates_only(reservation: Reservation, *, sources: int) -> Reservation:
    """The rates and slots of *reservation*, each limit divided among so many *sources* and rounded up."""
    return Reservation(
        reservation.id,
        tuple([_rate(rate, sources) for rate in reservation.rates]),
        tuple([Slot(slot.slots, -(-slot.limit // sources)) for slot in reservation.slots]),
        (),
        reservation.ttl_ms,
    )


def _rate(rate: Rate, sources: int) -> Rate:
    return msgspec.structs.replace(rate, amount=-(-rate.amount // sources), burst=-(-rate.burst // sources))
