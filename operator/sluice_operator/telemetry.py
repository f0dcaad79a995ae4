"""Logs and figures of the operator.  Knows no resource: callers name objects, never their content.

A log line is one JSON object of allow-listed fields.  Other libraries' messages are not written, only that one
was logged and by whom: what they print (a watch event, a request) may hold a Secret.
"""

import json
import logging
import sys
import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FIELDS: Final = (
    "cause", "changed", "count", "endpoint", "error", "events", "holder", "kind", "key_id", "milliseconds", "object",
    "namespace", "part", "reason", "replica", "revision", "seconds", "status", "unknown",
)  # fmt: skip

REGISTRY: Final = CollectorRegistry()
COMPILE_SECONDS: Final = Histogram(
    "sluice_operator_compile_seconds",
    "From a frozen inventory to a compilation.",
    registry=REGISTRY,
    buckets=(0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
PUBLISHED: Final = Counter("sluice_operator_published", "Revisions written.", registry=REGISTRY)
PUBLISH_FAILURES: Final = Counter(
    "sluice_operator_publish_failures", "Passes that ended in an error; the last good revision stays.",
    labelnames=("reason",), registry=REGISTRY,
)  # fmt: skip
PROPAGATION_SECONDS: Final = Histogram(
    "sluice_operator_propagation_seconds",
    "From the write of an index to the last replica that serves it.",
    registry=REGISTRY,
    buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
DIRTY_SECONDS: Final = Gauge(
    "sluice_operator_dirty_seconds", "Age of the oldest change that is not published yet.", registry=REGISTRY
)
OBJECTS: Final = Gauge("sluice_operator_objects", "Resources known.", labelnames=("kind",), registry=REGISTRY)
REPLICAS: Final = Gauge(
    "sluice_operator_dataplane_replicas", "Ready data-plane replicas, and those that serve the newest revision.",
    labelnames=("state",), registry=REGISTRY,
)  # fmt: skip
PRICE_BOOK_TROUBLES: Final = Gauge(
    "sluice_operator_price_book_troubles", "Price books that are not in force as they are written.", registry=REGISTRY
)
STATUS_WRITES: Final = Counter(
    "sluice_operator_status_writes", "Status patches.", labelnames=("outcome",), registry=REGISTRY
)
MISSED_EVENTS: Final = Counter(
    "sluice_operator_missed_events", "Differences that a relist found and no event had told.",
    labelnames=("kind",), registry=REGISTRY,
)  # fmt: skip
LEADING: Final = Gauge("sluice_operator_leading", "1 while this process holds the Lease.", registry=REGISTRY)
WATCH_RESTARTS: Final = Counter("sluice_operator_watch_restarts", "Restarts of the event framework.", registry=REGISTRY)


class JsonLines(logging.Formatter):
    """One JSON object per record: time (UTC), level, event and the fields of FIELDS that it carries."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its line end."""
        ours = record.name.startswith("sluice")
        line: dict[str, object] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage() if ours else "library.logged",
            "logger": record.name,
        }
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            if ours:
                line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(level: str) -> None:
    """Send our records from *level* up, and errors of libraries, to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.ERROR)
    logging.getLogger("sluice_operator").setLevel(level.upper())
