"""What one seed stands for: budgets, keys, sizes, and how much goes wrong.  Made from the seed and nothing else."""

import random
from typing import Final, Literal

import msgspec

from simulator.clockwork import START_MS
from sluice_contract import names
from sluice_contract.snapshot import Rates
from sluice_dataplane.limits.store import Charge, Rate, Slot

Away = Literal["Closed", "Lease", "Open"]
Span = Literal["day", "once", "rolling"]
Unit = Literal["Cost", "TotalTokens", "InputTokens", "OutputTokens", "Requests"]

DAY_MS: Final = 86_400_000
ROLLING_MS: Final = 60_000
BUCKET_MS: Final = 1_000  # a sixtieth of it
KEPT_MS: Final = 40 * DAY_MS
FAR_MS: Final = START_MS + 4_000 * DAY_MS
NEW_YEAR_MS: Final = 4_102_444_800_000
TTL_MS: Final = 9_000  # of a hold

CUT_OFF: Final = 3  # the kind of seed in which data planes are often alone, and have slices

INPUT_NUSD: Final = 2  # a token
OUTPUT_NUSD: Final = 7
REQUEST_NUSD: Final = 11
RATES: Final = Rates(
    input_nusd_per_mtok=INPUT_NUSD * 1_000_000,
    cached_input_nusd_per_mtok=INPUT_NUSD * 1_000_000,
    cache_write_nusd_per_mtok=INPUT_NUSD * 1_000_000,
    output_nusd_per_mtok=OUTPUT_NUSD * 1_000_000,
)


def amount_of(unit: Unit, input_tokens: int, output_tokens: int) -> int:
    """What so many tokens come to in *unit*, in the upstream's own sums."""
    match unit:
        case "Cost":
            return INPUT_NUSD * input_tokens + OUTPUT_NUSD * output_tokens + REQUEST_NUSD
        case "TotalTokens":
            return input_tokens + output_tokens
        case "InputTokens":
            return input_tokens
        case "OutputTokens":
            return output_tokens
        case "Requests":
            return 1


class Purse(msgspec.Struct, frozen=True):
    """One Budget."""

    name: str
    unit: Unit
    limit: int
    window: Span
    away: Away
    enforced: bool = True

    def account(self, at_ms: int) -> str:
        """The account that a call at *at_ms* is charged to."""
        window = {"once": "once", "rolling": "rolling", "day": "new" if at_ms >= NEW_YEAR_MS else "old"}[self.window]
        return names.account(self.name, window, "-")

    def charge(self, at_ms: int, amount: int) -> Charge:
        """A charge of a call at *at_ms*."""
        account = self.account(at_ms)
        match self.window:
            case "rolling":
                oldest = (at_ms - ROLLING_MS) // BUCKET_MS
                expires_ms = at_ms + 2 * ROLLING_MS
                return Charge(account, amount, self.limit, expires_ms, self.enforced, at_ms // BUCKET_MS, oldest)
            case "day":
                end_ms = NEW_YEAR_MS if at_ms < NEW_YEAR_MS else NEW_YEAR_MS + DAY_MS
                return Charge(account, amount, self.limit, end_ms + KEPT_MS, self.enforced)
            case "once":
                return Charge(account, amount, self.limit, FAR_MS, self.enforced)


class Caller(msgspec.Struct, frozen=True):
    """One key: whom its calls are charged to, and what holds it back."""

    key_id: str
    purses: tuple[Purse, ...]
    rpm: int | None = None
    tpm: int | None = None
    slots: int | None = None

    @property
    def away(self) -> Away:
        """What its calls may do without the store."""
        modes = {purse.away for purse in self.purses}
        return "Closed" if "Closed" in modes else "Lease" if "Lease" in modes else "Open"

    def rates(self, tokens: int) -> tuple[Rate, ...]:
        """What a call of so many tokens takes of its rates."""
        rates = []
        if self.rpm is not None:
            rates.append(Rate(names.bucket(self.key_id, "Requests", 60_000), 1, self.rpm, 60_000, self.rpm))
        if self.tpm is not None:
            rates.append(Rate(names.bucket(self.key_id, "TotalTokens", 600_000), tokens, self.tpm, 600_000, self.tpm))
        return tuple(rates)

    def used(self, tokens: int) -> tuple[int, ...]:
        """What a call that came to so many tokens used of its rates."""
        return ((1,) if self.rpm is not None else ()) + ((tokens,) if self.tpm is not None else ())

    def leases(self) -> tuple[Slot, ...]:
        """The slots that a call takes."""
        return () if self.slots is None else (Slot(names.slots(self.key_id), self.slots),)


class Weather(msgspec.Struct, frozen=True):
    """How often a message meets each fate, and how often each fault strikes (relative weights)."""

    lost: float
    deaf: float  # it arrives, the answer does not
    late: float  # it arrives long after it was given up
    twice: float
    kill: float
    torn: float
    disk: float
    pause: float
    apart: float
    away: float
    rewind: float
    wipe: float
    flush: float
    restart: float
    spoil: float
    faults_every_s: float


class Scenario(msgspec.Struct, frozen=True):
    """One simulation."""

    seed: int
    shared: Literal["redis", "memory", "none"]  # the store; none: each data plane has its own, in memory
    planes: int
    calls: int
    length_s: float
    segment_bytes: int
    slice_share: int  # a slice is at most one in so much of what remains: small budgets have to have some
    purses: tuple[Purse, ...]
    callers: tuple[Caller, ...]
    weather: Weather


def scenario(seed: int) -> Scenario:
    """The one that *seed* stands for."""
    rng = random.Random(seed)
    shared: Literal["redis", "memory", "none"] = "none" if seed % 16 == 12 else "memory" if seed % 16 == 4 else "redis"
    purses = _purses(rng, cut_off=seed % 4 == CUT_OFF)
    return Scenario(
        seed=seed,
        shared=shared,
        planes=1 if shared == "none" else rng.choice((2, 3, 3)),
        calls=rng.randint(60, 110) * (2 if seed % 4 == CUT_OFF else 1),
        length_s=rng.uniform(70, 100),
        segment_bytes=rng.choice((2_000, 8_000, 32_000)),
        slice_share=rng.choice((2, 4, 100)),
        purses=purses,
        callers=tuple(_caller(rng, number, purses) for number in range(rng.randint(2, 4))),
        weather=_weather(rng, seed, shared),
    )


def _purses(rng: random.Random, *, cut_off: bool) -> tuple[Purse, ...]:
    """Most hold some dozen calls; those that are to be spent from slices more."""
    calls = {"Requests": 1, "TotalTokens": 900, "OutputTokens": 500, "InputTokens": 400, "Cost": 4_400}
    purses: list[Purse] = []
    windows: tuple[Span, ...] = ("day", "once", "rolling")
    units: tuple[Unit, ...] = ("Cost", "Cost", "TotalTokens", "Requests", "OutputTokens")
    modes: tuple[Away, ...] = ("Lease",) if cut_off else ("Lease", "Lease", "Lease", "Closed", "Open")
    sizes = (20, 60, 200) if cut_off else (6, 12, 30, 120)
    for number, window in enumerate((*windows, rng.choice(windows))):
        unit, away = rng.choice(units), rng.choice(modes)
        limit = int(calls[unit] * rng.choice(sizes) * rng.uniform(0.8, 1.2))
        purses.append(Purse(f"b{number}", unit, limit, window, away, enforced=rng.random() > 0.1))
    return tuple(purses)


def _caller(rng: random.Random, number: int, purses: tuple[Purse, ...]) -> Caller:
    return Caller(
        key_id=f"vk{number}",
        purses=tuple(rng.sample(purses, rng.choice((1, 1, 2, 2, 3)))),
        rpm=rng.choice((None, None, 20, 60)),
        tpm=rng.choice((None, None, 20_000, 60_000)),
        slots=rng.choice((None, None, 3, 8)),
    )


def _weather(rng: random.Random, seed: int, shared: str) -> Weather:
    kind = seed % 4  # 0: the store keeps what it has; 1: disks last; 2: both may fail; CUT_OFF
    forgets = kind in (1, 2) and shared == "redis"
    disks = kind in (0, 2)
    rough = rng.choice((0.0, 0.02, 0.05))
    cut_off = rng.choice((2, 4)) if kind == CUT_OFF else 0
    return Weather(
        lost=rough,
        deaf=rough * rng.choice((0.5, 1, 2)),
        late=rough * rng.choice((0, 1)),
        twice=rough,
        kill=rng.choice((0, 1, 3)),
        torn=rng.choice((0, 1)),
        disk=rng.choice((0, 0.3, 1)) if disks else 0,
        pause=rng.choice((0, 1)),
        apart=rng.choice((0, 1, 2)) + cut_off,
        away=rng.choice((0, 1, 2)),
        rewind=rng.choice((0, 1, 2)) if forgets else 0,
        wipe=rng.choice((0, 0, 1)) if forgets else 0,
        restart=rng.choice((0, 0.5)) if shared == "redis" else 0,
        spoil=rng.choice((0, 0, 0, 1)) if shared == "redis" else 0,
        faults_every_s=rng.choice((2.0, 4.0, 8.0)),
        flush=rng.choice((0, 0, 1)) if forgets else 0,
    )
