"""Work on large bodies, done beside the event loop: seconds that one call takes must not be every other's.

Threads share the interpreter, so that this makes nothing faster; the loop gets its turn every few milliseconds.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

LARGE_BYTES: Final = 256 * 1024  # what is not larger is done in some milliseconds, at the most some tens
_WORKERS: Final = 2  # what more calls wait for; names are looked up elsewhere

_P = ParamSpec("_P")
_T = TypeVar("_T")
_threads: Final = ThreadPoolExecutor(_WORKERS, thread_name_prefix="large")  # started when there is something to do


def is_large(size_bytes: int) -> bool:
    """Whether what is to be done with so many bytes may take long."""
    return size_bytes > LARGE_BYTES


async def beside(size_bytes: int, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What *work*, which is pure, gives or raises: at once for a small body, and from a thread for a large one.

    Who is cancelled does not wait for the thread; what had not begun is not done.
    """
    if not is_large(size_bytes):
        return work(*args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(work, *args, **kwargs))
