"""Logs: facts with keys, one line each, never in the way."""

import json
import logging
import os

from sluice_dataplane.telemetry.log import MAX_BATCHES, JsonHandler, LineWriter


def lines_of(read_fd: int) -> list[dict[str, object]]:
    """Every line written to the pipe so far."""
    return [json.loads(line) for line in os.read(read_fd, 1_000_000).splitlines()]


def test_each_fact_is_a_line_of_json_in_order() -> None:
    """What is written comes out whole and in order by the time the writer is closed."""
    read_fd, write_fd = os.pipe()
    writer = LineWriter(write_fd)
    for n in range(3):
        writer.write({"n": n})
    writer.close()

    assert lines_of(read_fd) == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_a_reader_that_stands_still_stops_nobody_and_is_counted() -> None:
    """With the pipe full and nobody reading, writing goes on; what is dropped is counted."""
    read_fd, write_fd = os.pipe()
    writer = LineWriter(write_fd)
    for _ in range(MAX_BATCHES * 2):
        writer.write({"text": "x" * 1_000})

    assert writer.dropped_lines > 0
    os.close(read_fd)


def test_an_exception_shows_its_type_and_place_and_not_its_text() -> None:
    """An exception may quote a prompt or a secret: its message stays out of the log."""
    read_fd, write_fd = os.pipe()
    writer = LineWriter(write_fd)
    logger = logging.getLogger("tests.telemetry.log")
    logger.propagate = False
    logger.addHandler(JsonHandler(writer))
    try:
        int("canary-prompt")
    except ValueError:
        logger.exception("it.failed", extra={"id": "req_1"})
    writer.close()
    (line,) = lines_of(read_fd)

    assert "canary" not in json.dumps(line)
    assert (line["event"], line["error"], line["id"]) == ("it.failed", "ValueError", "req_1")
    assert str(line["where"]).split(":")[0].endswith("test_log.py")
