"""The upstream's own bill, which no data plane can see: what each attempt may come to, and what it came to."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from simulator.scenario import Caller, Unit, amount_of
from sluice_dataplane.limits.store import Charge, Reservation

IN_FLIGHT_TOKENS: Final = 64  # what an upstream has generated of a stream, and nobody here has seen, at most


class Attempt:
    """One request to the upstream, and the hold it is made under.

    ``input`` and ``output`` are billed; the bounds are what its hold was made for.
    """

    def __init__(self, hold_id: str, source: str, caller: Caller, at_ms: int, *, bound: tuple[int, int]) -> None:
        self.id = hold_id
        self.source = source
        self.caller = caller
        self.at_ms = at_ms
        self.bound_input, self.bound_output = bound
        self.input = self.output = 0
        self.stream = False
        self.stalled = False
        self.seen = 0  # tokens of a stream that reached the data plane
        self.admitted = False
        self.sent = False
        self.over = True  # nothing more will be billed; before it is admitted, too
        self.lost = False  # its data plane died before the end
        self.settled = False
        self.unanswered = False
        self.reservation: Reservation | None = None  # what was asked for it
        self.costs: tuple[int, ...] = ()  # of its rates
        self.unseen = False  # the store may not have known of it when it admitted others
        self.uncounted = False  # admitted by budgets that fail open
        self.tainted = False  # somebody spoilt one of its accounts: its settlement is refused for a while
        self.units: tuple[Unit, ...] = tuple(purse.unit for purse in caller.purses)
        self.charges: tuple[Charge, ...] = tuple(
            purse.charge(at_ms, amount_of(purse.unit, *bound)) for purse in caller.purses
        )

    def begin(self) -> None:
        """It is admitted: from now on it may cost all that it is bound by."""
        self.admitted, self.over = True, False

    def send(self) -> None:
        """It arrived at the upstream, which bills the input."""
        self.sent = True
        self.input = min(self.input or self.bound_input, self.bound_input)

    def crash(self, draw: Callable[[int, int], int]) -> None:
        """Its data plane is gone: the upstream bills what it does until it notices."""
        if self.over:
            return
        self.lost = self.over = True
        if not self.sent:
            self.input = self.output = 0
            return
        room = max(self.bound_output - self.output, 0)
        on_its_way = self.stream and not self.stalled
        self.output += draw(0, min(room, max(self.seen + IN_FLIGHT_TOKENS - self.output, 0)) if on_its_way else room)

    def billed(self, unit: Unit) -> int:
        """What it came to; 0 for one that was never sent."""
        return amount_of(unit, self.input, self.output) if self.sent else 0

    def spent(self) -> tuple[int, ...]:
        """What it came to, in the order of its charges."""
        return tuple(self.billed(unit) for unit in self.units)

    def exposure(self, index: int) -> int:
        """The most that its charge *index* can still come to, of what was held for it.

        Each kind of token counts up to its own bound: where nobody saw the end it is estimated so, and output beyond
        what was allowed is not made up for by less input.
        """
        if not self.admitted:
            return 0
        held = self.charges[index].amount
        if not self.over:
            return held
        seen = min(self.input, self.bound_input), min(self.output, self.bound_output)
        return min(amount_of(self.units[index], *seen), held) if self.sent else 0


class Bill:
    """All attempts, by id and by the accounts they are charged to."""

    def __init__(self) -> None:
        self.attempts: dict[str, Attempt] = {}
        self._by_account: dict[str, list[tuple[Attempt, int]]] = {}

    def add(self, attempt: Attempt) -> None:
        """Write *attempt* down."""
        assert attempt.id not in self.attempts
        self.attempts[attempt.id] = attempt
        for index, charge in enumerate(attempt.charges):
            self._by_account.setdefault(charge.account, []).append((attempt, index))

    def on(self, account: str) -> Iterable[tuple[Attempt, int]]:
        """The attempts that *account* is charged for, and which of their charges it is; as they were added."""
        return self._by_account.get(account, ())

    def accounts(self) -> Iterable[str]:
        """Every account that any attempt is charged to."""
        return self._by_account

    def of(self, source: str) -> Iterator[Attempt]:
        """The attempts of one data plane's journal."""
        return (attempt for attempt in self.attempts.values() if attempt.source == source)
