"""Log lines hold facts that are allow-listed, and nothing that a library says."""

import json
import logging
import sys

from sluice_operator.telemetry import FIELDS, JsonLines


def _record(name: str, message: str, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord(name, logging.WARNING, "file", 1, message, (), None)
    record.__dict__.update(extra)
    return record


def test_a_record_becomes_one_line_of_json() -> None:
    """Our event, level and allow-listed fields are in the line; other fields are not."""
    line = JsonLines().format(_record("sluice_operator.publisher", "published", revision="abc", token="sk-secret"))

    said = json.loads(line)
    assert (said["event"], said["level"], said["revision"]) == ("published", "warning", "abc")
    assert "sk-secret" not in line
    assert "\n" not in line


def test_a_librarys_words_are_not_repeated() -> None:
    """What another library logs may hold a Secret: only that it logged is written."""
    line = JsonLines().format(_record("kopf.objects", "Ignoring an event: {'data': 'c2VjcmV0'}"))

    said = json.loads(line)
    assert (said["event"], said["logger"]) == ("library.logged", "kopf.objects")
    assert "c2VjcmV0" not in line


def test_a_librarys_exception_is_named_and_not_quoted() -> None:
    """Of another library's exception only the type is written."""
    record = _record("kopf", "failed")
    try:
        int("c2VjcmV0")
    except ValueError:
        record.exc_info = sys.exc_info()

    line = JsonLines().format(record)

    assert json.loads(line)["exception"] == "ValueError"
    assert "c2VjcmV0" not in line


def test_no_field_collides_with_a_log_records_own() -> None:
    """A field that logging keeps for itself would raise where it is used."""
    assert set(FIELDS) & logging.LogRecord("n", 0, "p", 1, "m", (), None).__dict__.keys() == set()
