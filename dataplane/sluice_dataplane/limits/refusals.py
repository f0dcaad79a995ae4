"""What Redis says no with, as callers know it: by the code that its error begins with.  Pure; knows no connection."""

from typing import Final

from sluice_dataplane.errors import StoreError

# It cannot work now, or not here: another try, perhaps on another connection, may succeed.
PASSING: Final = frozenset(
    {
        "ASK",
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "MOVED",
        "NOREPLICAS",
        "NOSCRIPT",
        "OOM",
        "READONLY",
        "TRYAGAIN",
        "UNBLOCKED",
        "UNKILLABLE",
    }
)
# It does not let us in: no call of ours can succeed before somebody puts that right.
SHUT_OUT: Final = frozenset({"DENIED", "NOAUTH", "NOPERM", "WRONGPASS"})


def refusal(text: str) -> StoreError:
    """The error reply *text* as a StoreError that names its code and nothing else of it: an error may quote a value.

    What is neither PASSING nor SHUT_OUT is about the keys of one call (WRONGTYPE, a counter that is no number, …) and
    lasts until somebody puts them right.
    """
    code = text.partition(" ")[0]
    if not (code.isalpha() and code.isupper()):
        code = "ERR"
    return StoreError(f"Redis refused: {code}", transient=code in PASSING)


def is_away(error: StoreError) -> bool:
    """Whether *error* says something of the store as a whole, and not of one call's keys."""
    return error.transient or str(error).rpartition(" ")[2] in SHUT_OUT
