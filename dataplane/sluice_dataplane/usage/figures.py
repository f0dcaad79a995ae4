"""What a ledger shows of itself."""

import msgspec


class Figures(msgspec.Struct, frozen=True):
    """How the ledger is doing, for metrics and readiness."""

    running: int  # calls
    waiting: int  # settlements the store has not answered
    unjournaled: int  # settlements that not even the reserve had room for
    journal_full: bool
    joined: bool = True  # the store has everything, and admits
    fenced: bool = False  # the store is catching up
    slices: int = 0  # accounts on which something is held in advance
    sources: int = 1  # data planes alive, this one included
    store_unsafe: str = ""  # why the store may forget at any time
