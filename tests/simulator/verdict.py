"""The whole audit of a simulation that has come to rest."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from simulator import audit, journals
from simulator.audit import Books, Sums
from simulator.places import MemoryPlace, Place, RedisPlace

if TYPE_CHECKING:
    from simulator.world import World

RATE_SLACK_US: Final = 2_000_000


def verdict(world: "World") -> list[str]:
    """What is wrong; nothing, if all is well."""
    found = [*world.violations, *world.watch.violations]
    alive = {plane.sources[-1]: plane.directory for plane in world.planes}
    books = Books(alive)
    found += audit.numbers(books, {source: torn for plane in world.planes for source, torn in plane.torn.items()})
    found += audit.bills(books, world.bill) + audit.spent(books, world.bill)
    sums = Sums()
    for source, _, line in books.settled():
        sums.add(world.bill.attempts.get(line["id"]), line, source)
    for source, _, line in _told_by_the_dead(world):
        sums.add(world.bill.attempts.get(line["id"]), line, source)
    known = _accounts(world)
    found += audit.posted(sums, known, world.loop.now_ms)
    found += audit.overspent(world.bill, {account: world.watch.purse(account) for account in known})
    keys = list(sums.usage)
    found += audit.usage(sums, dict(zip(keys, world.place.usages(keys), strict=True)))
    found += _left(world, known)
    if isinstance(world.place, RedisPlace):
        found += _marks(world.place, books)
        found += _streamed(world, books, sums)
    if not world.forgot:
        found += _rates(world, books)
    return found


def _told_by_the_dead(world: "World") -> Iterable[tuple[str, int, dict[str, Any]]]:
    """The settlements that the store had from those whose disks are gone."""
    place = world.place
    marks = place.marks() if isinstance(place, RedisPlace) else {}
    for plane in world.planes:
        for source, grave in plane.graves.items():
            if isinstance(place, MemoryPlace):
                mark, holes = place.store._marks.of(source)
                marks[source] = mark, set(holes)
            last, missing = marks.get(source, (0, set()))
            for number, line in journals.settlements(grave).items():
                if number <= last and number not in missing:
                    yield source, number, line


def _accounts(world: "World") -> dict[str, Mapping[str, str]]:
    names = list(world.bill.accounts())
    return dict(zip(names, world.place.fields(names), strict=True))


def _left(world: "World", known: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Nothing is held, no slot is taken, and what is orphaned is of those whose disks are gone."""
    found = []
    dead = {source for plane in world.planes for source in plane.graves}
    orphans = _orphans(world.place)
    for hold_id in orphans:
        attempt = world.bill.attempts.get(hold_id)
        owner = hold_id.rpartition(".")[0].rpartition(".")[0] if attempt is None else attempt.source
        if owner not in dead:
            found.append(f"L.left: {hold_id} of {owner} is orphaned, whose disk is there")
    for account, fields in known.items():
        orphaned = sum(int(hold.get(account, 0)) for hold in orphans.values())
        if int(fields.get("held", 0)) != 0 or int(fields.get("orphaned", 0)) != orphaned:
            found.append(
                f"L.left: {account} holds {fields.get('held')}, {fields.get('orphaned')} orphaned, not {orphaned}"
            )
    for caller in world.plan.callers:
        for slot in caller.leases():
            # What was restored has no slots: those of an older image stay until their leases end.
            seen = world.place.live(slot.slots) if world.forgot else world.place.members(slot.slots)
            left = {each for each in seen if world.bill.attempts[each].source not in dead}
            if left:
                found.append(f"L.left: {sorted(left)} still have slots of {slot.slots}")
    return found


def _orphans(place: Place) -> Mapping[str, Mapping[str, str]]:
    if isinstance(place, RedisPlace):
        ids = [each.decode() for each in place.clockwork.ask("ZRANGE", "{sluice}:orphans", 0, -1)]
        return dict(zip(ids, place.clockwork.hashes([f"{{sluice}}:hold:{each}" for each in ids]), strict=True))
    assert isinstance(place, MemoryPlace)
    return {
        hold_id: {charge.account: str(charge.amount) for charge in hold.reservation.charges}
        for hold_id, hold in place.store._holds.items()
        if hold.orphaned
    }


def _marks(place: RedisPlace, books: Books) -> list[str]:
    """Every number of every journal was counted."""
    found, marks = [], place.marks()
    for source, lines in books.lines.items():
        mark, holes = marks.get(source, (0, set()))
        untold = [n for n in lines if n > mark or n in holes]
        if untold or mark > max(lines, default=0) + 1:
            found.append(f"L.marks: {source} wrote {max(lines, default=0)}, counted are {mark} but {sorted(holes)}")
    return found


def _streamed(world: "World", books: Books, sums: Sums) -> list[str]:
    """The stream, each (source, sequence) once, holds the records: as they were written."""
    assert isinstance(world.place, RedisPlace)
    world.read_stream()
    written = {(record["source"], record["sequence"]): record for record in books.records()}
    found = [
        f"L.stream: the stream has {record}, written was {written[name]}"
        for name, record in world.streamed.items()
        if name in written and written[name] != record
    ]
    missing = sums.records - set(world.streamed)
    if missing:
        found.append(f"L.stream: {len(missing)} records are not in the stream: {sorted(missing)[:3]}")
    known = set(books.lines)
    if more := {name for name in set(world.streamed) - set(written) if name[0] in known}:
        found.append(f"L.stream: {len(more)} records are in the stream and in no journal: {sorted(more)[:3]}")
    return found


def _rates(world: "World", books: Books) -> list[str]:
    """A bucket is no further from full than what was used of it since: what was taken and not used went back."""
    used = {line["id"]: line["used"] for _, _, line in [*books.settled(), *_told_by_the_dead(world)]}
    rates = {rate.bucket: rate for caller in world.plan.callers for rate in caller.rates(1)}
    steps: list[tuple[int, str, int]] = []  # when, of which bucket, how many units
    for hold_id, grant in world.watch.grants.items():
        if hold_id not in world.bill.attempts:
            continue
        taken = world.bill.attempts[hold_id].costs
        for bucket, cost, units in zip(grant.buckets, taken, used.get(hold_id, taken), strict=True):
            steps.append((grant.at_ms, bucket, min(cost, units)))
            steps.append((world.watch.ends.get(hold_id, grant.at_ms), bucket, max(units - cost, 0)))
    tats: dict[str, int] = {}
    for at_ms, bucket, units in sorted(steps):
        cost_us = -(-units * rates[bucket].window_ms * 1000 // rates[bucket].amount)
        tats[bucket] = max(tats.get(bucket, 0), at_ms * 1000) + cost_us
    now_us = world.loop.now_ms * 1000
    return [
        f"L.rates: {bucket} is {debt} us from full, by what was used it is {max(tats.get(bucket, 0) - now_us, 0)}"
        for bucket, debt in world.place.debts_us().items()
        if debt > max(tats.get(bucket, 0) - now_us, 0) + RATE_SLACK_US
    ]
