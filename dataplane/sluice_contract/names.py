"""Names that two programs must agree on: Redis keys, objects, labels, ports.

Every Redis key shares one hash tag, so that one script may touch all counters of a request on a Redis
Cluster too.  Keys are made of UIDs and ids only; a user's text never becomes part of one.
"""

from typing import Final

API_GROUP: Final = "sluice.dev"
API_VERSION: Final = "v1alpha1"

LABEL_PART: Final = "sluice.dev/part"  # on compiled objects: the part's name
LABEL_KEY_ID: Final = "sluice.dev/key-id"  # on generated key Secrets
LABEL_PRICE_BOOK: Final = "sluice.dev/price-book"  # "true" on ConfigMaps of prices beside the operator
MANAGED_BY: Final = "sluice-operator"
PART_FIELD: Final = "part"  # the one data key inside each compiled ConfigMap (binaryData) or Secret (data)

DATA_PORT: Final = 4000
ADMIN_PORT: Final = 4001

_TAG: Final = "{sluice}"
HOLDS: Final = f"{_TAG}:holds"  # sorted set: hold id by deadline, milliseconds
ORPHANS: Final = f"{_TAG}:orphans"  # sorted set: ids of holds that were not settled in time, by when that was noticed
STORE: Final = f"{_TAG}:store"  # hash: the server's run id, the fence, how many settlements were applied in all
APPLIED: Final = f"{_TAG}:applied"  # hash: source → the settlement up to which all were applied, holes aside
BEATS: Final = f"{_TAG}:beats"  # sorted set: source by its last heartbeat, milliseconds
CAUGHT_UP: Final = f"{_TAG}:caught-up"  # set: sources that have replayed their journals since the fence went up
ACCOUNTS: Final = f"{_TAG}:accounts"  # sorted set: every account by when it may be forgotten, milliseconds
USAGES: Final = f"{_TAG}:usages"  # sorted set: every key's monthly figures, by when they may be forgotten
USAGE_STREAM: Final = f"{_TAG}:usage-records"  # stream: one entry a usage record, its JSON in the field ``record``


def holes(source: str) -> str:
    """Set of the settlements of *source* below its mark in APPLIED that were not applied."""
    return f"{_TAG}:holes:{source}"


def account(budget_id: str, window_id: str, subject: str) -> str:
    """Hash {posted, held, orphaned} of one budget, window and subject (``-`` where all share one)."""
    return f"{_TAG}:account:{budget_id}:{window_id}:{subject}"


def bucket(owner_id: str, unit: str, window_ms: int) -> str:
    """GCRA state of one limit of a key or model; the amount is not in the name, so that editing it forgets nothing."""
    return f"{_TAG}:bucket:{owner_id}:{unit}:{window_ms}"


def slots(owner_id: str) -> str:
    """Sorted set of the calls in flight of one key: hold id by lease end, milliseconds."""
    return f"{_TAG}:slots:{owner_id}"


def hold(hold_id: str) -> str:
    """Hash of one hold: its state and what it took."""
    return f"{_TAG}:hold:{hold_id}"


def key_usage(key_id: str, month: str) -> str:
    """Hash {requests, input, output, cost, last_ms} of one key in one UTC month (``2026-09``)."""
    return f"{_TAG}:usage:{key_id}:{month}"


def object_name(release: str, part: str) -> str:
    """The ConfigMap or Secret that holds *part* for the install *release*."""
    return f"{release}-snapshot-{part}"
