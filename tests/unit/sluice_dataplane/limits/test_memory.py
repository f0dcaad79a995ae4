"""What only the store in memory promises: that it forgets."""

from sluice_dataplane.limits import memory
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import Account, Charge, Checkpoint, Entry, Held, KeyUsage, Standing
from support.stores import FAR_MS, account, charge, end, rate, slot, take


class _Clock:
    def __init__(self) -> None:
        self.now_ms = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now_ms


def _sizes(store: MemoryStore) -> tuple[int, ...]:
    return tuple(len(held) for held in (store._buckets, store._slots, store._accounts, store._holds, store._usage))


def test_what_no_longer_matters_is_forgotten() -> None:
    """Full buckets, empty slot sets, expired accounts with their orphans, and old months leave no trace."""
    clock = _Clock()
    store = MemoryStore(clock)
    expires_at_ms = clock.now_ms + 1_000_000
    usage = KeyUsage("vk", "2025-01", 1, 1, 1, 1, clock.now_ms)
    for n in range(100):
        kept = Charge(account(f"{n}"), 1, 10, expires_at_ms)
        store.reserve_now(take(f"h{n}", rate(name=f"{n}"), slot(1, name=f"{n}"), kept))
        store.settle_now(end(take(f"h{n}", rate(name=f"{n}"), slot(1, name=f"{n}"), kept), 1, usage=usage))
        store.reserve_now(take(f"orphan{n}", kept))
    clock.now_ms += 2_000_000
    store.reap_now()
    clock.now_ms += memory.USAGE_KEPT_MS
    store.reap_now()

    assert _sizes(store) == (0, 0, 0, 0, 0)


def test_what_matters_is_kept_when_it_sweeps() -> None:
    """A sweep leaves debts, leases, accounts, open holds and this month alone."""
    clock = _Clock()
    store = MemoryStore(clock)
    store.reserve_now(take("h", rate(60, amount=1), slot(1), charge(5), ttl_ms=memory.SWEEP_EVERY_MS * 2))
    store.add_usage(KeyUsage("vk", "2026-09", 1, 1, 1, 1, clock.now_ms))
    clock.now_ms += memory.SWEEP_EVERY_MS
    store.reap_now()

    assert _sizes(store) == (1, 1, 1, 1, 1)
    assert store.holds("h")


def test_what_was_posted_before_can_be_put_back() -> None:
    """A restart finds its accounts again through what they had posted, and when they expire."""
    store, restarted = MemoryStore(_Clock()), MemoryStore(_Clock())
    store.settle_now(end(take("h", charge(10)), 7))
    for name, (spent, expires_at_ms) in store.posted().items():
        restarted.post(name, spent, expires_at_ms)

    assert store.posted() == restarted.posted() == {account("a"): (7, FAR_MS)}
    assert restarted.all_accounts() == {account("a"): Account(7, 0, 0)}


def test_what_was_posted_by_bucket_can_be_put_back() -> None:
    """A restart finds windows that roll again, with what leaves them when."""
    store, restarted = MemoryStore(_Clock()), MemoryStore(_Clock())
    for bucket, spent in ((3, 7), (4, 9)):
        store.settle_now(end(take(f"h{bucket}", charge(10, bucket=bucket)), spent))
    for bucket, spent in store.buckets()[account("a")].items():
        restarted.post(account("a"), spent, FAR_MS, bucket)

    assert restarted.buckets() == store.buckets() == {account("a"): {3: 7, 4: 9}}
    assert restarted.reserve_now(take("h", charge(1, bucket=60, oldest=4))) == Held((), (990,))


def test_settling_by_id_counts_once() -> None:
    """A caller that numbers nothing ends a hold once."""
    store = MemoryStore(_Clock())
    store.reserve_now(take("h", charge(10)))
    for _ in range(2):
        store.settle_now(end(take("h", charge(10)), 7))

    assert store.all_accounts() == {account("a"): Account(7, 0, 0)}


async def test_it_forgets_nothing_and_so_is_never_fenced() -> None:
    """It lives and dies with its one source: there is nothing to catch up with, to save or to put back."""
    store = MemoryStore(_Clock())
    await store.apply("s", [Entry(3, end(take("h", charge(10)), 7))])

    assert await store.hello("s") == Standing(3, (1, 2), fenced=False, total=1, sources=1)
    assert await store.caught_up("s")
    assert await store.checkpoint() is None
    assert not await store.restore(Checkpoint(9, ()))
