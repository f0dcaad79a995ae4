"""What is read of Kubernetes objects."""

import pytest

from sluice_dataplane.config.objects import ApiServerError, KubeObject, WatchEvent, decode, part_of


def test_part_is_read_where_its_kind_keeps_bytes() -> None:
    """ConfigMaps keep bytes in binaryData, Secrets in data; the other field is not looked at."""
    both = KubeObject(data={"part": "c2VjcmV0"}, binary_data={"part": "cHVibGlj"})

    assert part_of("configmaps", both) == b"public"
    assert part_of("secrets", both) == b"secret"


@pytest.mark.parametrize("kind", ["configmaps", "secrets"])
def test_object_without_our_field_has_no_part(kind: str) -> None:
    """Absent is nothing, and never empty bytes."""
    assert part_of(kind, KubeObject()) is None  # type: ignore[arg-type]
    assert part_of(kind, KubeObject(data={"a": ""}, binary_data={"a": ""})) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["%", "AAA", "\u00e9"])
def test_what_is_not_base64_is_refused(text: str) -> None:
    """Content that the API server could not have sent is an error of ours."""
    with pytest.raises(ApiServerError, match="base64"):
        part_of("secrets", KubeObject(data={"part": text}))


def test_error_about_an_answer_has_no_cause() -> None:
    """The cause may quote what is in a Secret, so it is cut off: a traceback shows neither."""
    with pytest.raises(ApiServerError) as caught:
        decode(b'{"data": {"part": 5}}', KubeObject)

    assert caught.value.__suppress_context__


def test_fields_we_do_not_read_may_be_anything() -> None:
    """An API server of another version adds what it likes."""
    event = decode(b'{"type":"ADDED","object":{"metadata":{"x":1},"new":[]},"newer":{}}', WatchEvent)

    assert decode(event.object, KubeObject) == KubeObject()
