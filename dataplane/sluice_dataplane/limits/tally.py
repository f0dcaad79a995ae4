"""One account, and one hold, in memory.  Pure: the sums, and what a rolling window forgets."""

from sluice_dataplane.limits.store import Account, Charge, Reservation


class Tally:
    """Figures of one account.  ``posted`` is the sum over ``buckets`` where its window rolls."""

    __slots__ = ("buckets", "expires_at_ms", "held", "orphaned", "posted")

    def __init__(self) -> None:
        self.posted = 0
        self.held = 0
        self.orphaned = 0
        self.expires_at_ms = 0
        self.buckets: dict[int, int] | None = None

    def taken(self, charge: Charge) -> int:
        """All that counts against *charge*."""
        taken = self.posted + self.held + self.orphaned
        if self.buckets:
            taken -= sum(spent for bucket, spent in self.buckets.items() if bucket < charge.oldest)
        return taken

    def last_to_go(self, charge: Charge, short: int) -> int | None:
        """The bucket with which *short* or more has ceased to count; None where the window does not roll.

        Where what is posted is not enough it is the one of *charge*: what is held now is spent in it at the latest.
        """
        for bucket, spent in sorted(self.buckets.items()) if self.buckets and charge.bucket is not None else ():
            short -= spent if bucket >= charge.oldest else 0
            if short <= 0:
                return bucket
        return charge.bucket

    def hold(self, charge: Charge) -> None:
        """Hold what *charge* says, and forget the buckets that do not count any more."""
        self.held += charge.amount
        if self.buckets:
            for bucket in [bucket for bucket in self.buckets if bucket < charge.oldest]:
                self.posted -= self.buckets.pop(bucket)
        self.expires_at_ms = max(self.expires_at_ms, charge.expires_at_ms)

    def post(self, spent: int, expires_at_ms: int, bucket: int | None) -> None:
        """Count *spent*, on *bucket* where the window rolls.  The account lives as long as anything on it says."""
        self.posted += spent
        if bucket is not None:
            if self.buckets is None:
                self.buckets = {}
            self.buckets[bucket] = self.buckets.get(bucket, 0) + spent
        self.expires_at_ms = max(self.expires_at_ms, expires_at_ms)

    def account(self) -> Account:
        """The figures."""
        return Account(self.posted, self.held, self.orphaned)


class Taken:
    """What one reservation took, and until when it may."""

    __slots__ = ("deadline_ms", "forced", "orphaned", "reservation")

    def __init__(self, reservation: Reservation, deadline_ms: int, *, forced: bool) -> None:
        self.reservation = reservation
        self.deadline_ms = deadline_ms
        self.forced = forced
        self.orphaned = False
