"""Structured logs: one JSON object a line, written by a thread of its own so that a slow reader stops nobody.

When the reader is slower than the log, lines are dropped and counted; usage never depends on them.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

MAX_BATCHES: Final = 1_000
MAX_BATCH_LINES: Final = 1_000

_RESERVED: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_encoder: Final = msgspec.json.Encoder()


class LineWriter:
    """Collects lines and hands them to its thread in batches; ``later`` is the event loop's ``call_later``."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines: list[bytes] = []
        self._batches: queue.Queue[bytes | None] = queue.Queue(MAX_BATCHES)
        self._thread = threading.Thread(target=self._drain, name="log-writer", daemon=True)
        self._thread.start()
        self.later: Callable[[float, Callable[[], None]], object] | None = None
        self.dropped_lines = 0

    def write(self, facts: Mapping[str, Any] | msgspec.Struct) -> None:
        """Log *facts* as one line, soon."""
        lines = self._lines
        lines.append(_encoder.encode(facts))
        if self.later is None or len(lines) >= MAX_BATCH_LINES:
            self.flush()
        elif len(lines) == 1:
            self.later(0.05, self.flush)

    def flush(self) -> None:
        """Hand what was collected to the thread; drop it if the thread is too far behind."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        try:
            self._batches.put_nowait(b"\n".join(lines) + b"\n")
        except queue.Full:
            self.dropped_lines += len(lines)

    def close(self, timeout_seconds: float = 2.0) -> None:
        """Write what is left, for at most *timeout_seconds*."""
        self.later = None
        self.flush()
        try:
            self._batches.put(None, timeout=timeout_seconds)
        except queue.Full:
            return
        self._thread.join(timeout_seconds)

    def _drain(self) -> None:
        while (batch := self._batches.get()) is not None:
            view = memoryview(batch)
            while view:
                try:
                    view = view[os.write(self._fd, view) :]
                except BlockingIOError:
                    continue
                except OSError:
                    break  # nobody reads: there is nowhere to say so


class JsonHandler(logging.Handler):
    """Sends the standard library's log records to a LineWriter: time, level, event and the ``extra`` facts."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*; an exception shows as its type and place, since its text may quote what it read."""
        facts: dict[str, Any] = {
            "time_ms": int(record.created * 1000),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        facts.update({name: _plain(value) for name, value in record.__dict__.items() if name not in _RESERVED})
        if record.exc_info and record.exc_info[0] is not None:
            facts["error"] = record.exc_info[0].__name__
            trace = record.exc_info[2]
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            if trace is not None:
                facts["where"] = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        self._writer.write(facts)


def _plain(value: object) -> object:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def install(writer: LineWriter, level: str) -> None:
    """Send every log record of the process to *writer*."""
    root = logging.getLogger()
    root.handlers[:] = [JsonHandler(writer)]
    root.setLevel(level.upper())
