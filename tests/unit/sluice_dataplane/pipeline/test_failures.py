"""What attempts that brought no answer stand for."""

import pytest

from sluice_dataplane.pipeline.failures import failed, retry_after_ms, turned_away
from sluice_dataplane.upstream.seam import AttemptFailedError, FailureCause


@pytest.mark.parametrize(
    ("cause", "sent", "retried", "status", "billed"),
    [
        ("ConnectFailure", False, "ConnectFailure", 502, False),
        ("Refused", False, "ConnectFailure", 502, False),
        ("Timeout", True, "Timeout", 504, True),
        ("Timeout", False, "Timeout", 504, False),
        ("Protocol", True, "ServerError", 502, True),
    ],
)
def test_what_was_sent_and_never_answered_may_be_billed(
    cause: FailureCause, sent: bool, retried: str, status: int, billed: bool
) -> None:
    """Whether the request may have reached the provider decides, not how the attempt ended."""
    found = failed(AttemptFailedError("x", cause=cause, sent=sent))

    assert (found.cause, found.told.status, found.billed) == (retried, status, billed)


@pytest.mark.parametrize("status", [307, 401, 403, 407, 408, 424, 429, 500, 502, 503, 504, 524, 529])
def test_a_status_of_failure_costs_nothing(status: int) -> None:
    """The provider has said itself that there is no answer."""
    found = turned_away(status, (("retry-after", "2"),))

    assert found is not None
    assert not found.billed


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_request_that_is_wrong_is_nobodys_failure(status: int) -> None:
    """It is for the client to hear, in the provider's words."""
    assert turned_away(status, ()) is None


@pytest.mark.parametrize(("status", "cause", "told"), [(408, "Timeout", 504), (424, "ServerError", 502)])
def test_a_model_that_failed_is_no_wrong_request(status: int, cause: str, told: int) -> None:
    """Bedrock says 408 and 424 where its model did not answer: another target may."""
    found = turned_away(status, ())

    assert found is not None
    assert (found.cause, found.told.status) == (cause, told)


@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ((), 0),
        ((("retry-after", "2"),), 2_000),
        ((("retry-after", "1.5"),), 1_500),
        ((("retry-after-ms", "700"), ("retry-after", "2")), 700),
        ((("retry-after", "soon"),), 0),
        ((("retry-after", "999999999"),), 3_600_000),
    ],
)
def test_an_upstreams_wait_is_read_and_bounded(headers: tuple[tuple[str, str], ...], wait_ms: int) -> None:
    """Milliseconds before seconds, an hour at most, nonsense is no wait."""
    assert retry_after_ms(headers) == wait_ms
