"""What became of an attempt that brought no answer, in the words of retries and of clients.  Pure.  Knows no room."""

import msgspec

from sluice_contract.snapshot import RetryCause
from sluice_dataplane.errors import (
    GatewayError,
    RateLimitedError,
    UnavailableError,
    UpstreamFailedError,
    UpstreamTimeoutError,
)
from sluice_dataplane.exchange import Headers, Plan
from sluice_dataplane.upstream.seam import AttemptFailedError


class Failure(msgspec.Struct, frozen=True):
    """One attempt that came to nothing: why, and what the client is told if it was the last."""

    cause: RetryCause | None  # None: another attempt would not help
    told: GatewayError
    billed: bool = False  # whether the provider may charge for it


def turned_away(status: int, headers: Headers) -> Failure | None:
    """What an answer of *status*, which is no success, stands for; None where the request itself is what is wrong."""
    if status == 429:
        told: GatewayError = RateLimitedError("The upstream's own rate limit is reached.", headers=_passed_on(headers))
        return Failure("RateLimited", told)
    if status == 408:
        return Failure("Timeout", UpstreamTimeoutError("The upstream timed out."))
    if status >= 500 or status == 424:  # Bedrock and TGI: the model failed at what was asked
        return Failure("ServerError", _failing(status, headers))
    if status in (401, 403, 407):
        # Our credential was refused: that is between us and the provider, and no fault of the client's key.
        message = "The upstream refused the gateway's own credential."
        return Failure(None, UpstreamFailedError(message, code="upstream_auth_error"))
    if status < 400:
        return Failure(None, UpstreamFailedError("The upstream answered with a redirect, which is not followed."))
    return None


def _failing(status: int, headers: Headers) -> GatewayError:
    if status in (503, 529):
        message = "The upstream is overloaded."
        return UnavailableError(message, code="upstream_unavailable", headers=_passed_on(headers))
    if status in (504, 524):
        return UpstreamTimeoutError("The upstream timed out.")
    return UpstreamFailedError(f"The upstream failed with status {status}.")


def _passed_on(headers: Headers) -> Headers:
    wait_ms = retry_after_ms(headers)
    return (("retry-after", str(-(-wait_ms // 1000))),) if wait_ms else ()


def nobody(plan: Plan) -> GatewayError:
    """What the client is told where no target may be tried now."""
    message = f"Every target of {plan.model.name!r} is busy."
    return UnavailableError(message, code="overloaded", headers=(("retry-after", "1"),))


def failed(error: AttemptFailedError) -> Failure:
    """What an attempt that ended without an answer stands for."""
    sent = error.sent
    match error.cause:
        case "ConnectFailure":
            told = UpstreamFailedError("The upstream cannot be reached.", code="upstream_unreachable")
            return Failure("ConnectFailure", told, sent)
        case "Timeout":
            return Failure("Timeout", UpstreamTimeoutError("The upstream did not answer in time."), sent)
        case "Refused":
            told = UpstreamFailedError(f"The gateway may not call this upstream: {error}.")
            return Failure("ConnectFailure", told, sent)
        case "Protocol":
            return Failure("ServerError", UpstreamFailedError("The upstream's answer is not a valid answer."), sent)


def retry_after_ms(headers: Headers) -> int:
    """The wait that *headers* ask for: ``retry-after-ms`` or ``retry-after`` in seconds; 0 if none is readable."""
    found = dict(headers)
    for name, factor in (("retry-after-ms", 1), ("retry-after", 1000)):
        text = found.get(name, "")
        if text.replace(".", "", 1).isdecimal():
            return min(int(float(text) * factor), 3_600_000)
    return 0
