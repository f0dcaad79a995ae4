"""The data plane's errors: each knows its HTTP status and code; only ``surface`` turns one into a response.

GatewayError
├── AmbiguousCredentialsError   400 ambiguous_credentials
├── InvalidRequestError         400 invalid_request (or a closer code)
├── InvalidKeyError             401 invalid_api_key
├── ForbiddenError              403 permission_denied
├── UnknownModelError           404 model_not_found
├── UnknownResponseError        404 response_not_found
├── UnknownRouteError           404 route_not_found
├── MethodNotAllowedError       405 method_not_allowed
├── BodyTooLargeError           413 request_too_large
├── RateLimitedError            429 rate_limit_exceeded
├── BudgetExhaustedError        429 insufficient_quota
├── UpstreamFailedError         502 upstream_error
├── UnavailableError            503 not_ready, budget_store_unavailable, overloaded, provider_not_ready
│   └── JournalError            503 journal_unavailable
└── UpstreamTimeoutError        504 upstream_timeout
StoreError                      the store did not answer, or refused to; ``transient`` is all a caller learns
"""

import msgspec


class GatewayError(Exception):
    """Something the client is told.  The message is for people and never holds a prompt or a secret."""

    status: int = 500
    code: str = "internal_error"
    type: str = "api_error"
    on_record: bool = False  # whether a tab was closed over it: its line is written, its count is made

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.headers = headers  # sent with the answer: retry-after, x-should-retry, …
        if code is not None:
            self.code = code


class AmbiguousCredentialsError(GatewayError):
    """Two different keys came with one request: we do not guess which was meant."""

    status, code, type = 400, "ambiguous_credentials", "invalid_request_error"


class InvalidRequestError(GatewayError):
    """The client's request cannot be understood; nothing was sent upstream and nothing billed."""

    status, code, type = 400, "invalid_request", "invalid_request_error"


class InvalidKeyError(GatewayError):
    """No key, an unknown one, or one that is suspended, expired or gone: the client must not learn which."""

    status, code, type = 401, "invalid_api_key", "authentication_error"


class ForbiddenError(GatewayError):
    """The key is good but may not be used like this (from this address, or with a Budget that is missing)."""

    status, code, type = 403, "permission_denied", "permission_error"


class UnknownModelError(GatewayError):
    """No such model, or none this key may use: the client must not learn which."""

    status, code, type = 404, "model_not_found", "not_found_error"


class UnknownResponseError(GatewayError):
    """No such response, or none that this key made: the client must not learn which."""

    status, code, type = 404, "response_not_found", "not_found_error"


class UnknownRouteError(GatewayError):
    """No such path here."""

    status, code, type = 404, "route_not_found", "not_found_error"


class MethodNotAllowedError(GatewayError):
    """The path exists but not with this method."""

    status, code, type = 405, "method_not_allowed", "invalid_request_error"


class BodyTooLargeError(GatewayError):
    """The body is over the limit; it was not read to its end."""

    status, code, type = 413, "request_too_large", "invalid_request_error"


class RateLimitedError(GatewayError):
    """A limit per time, or on calls in flight, is reached; retry-after says when it is worth another try."""

    status, code, type = 429, "rate_limit_exceeded", "rate_limit_error"


class BudgetExhaustedError(GatewayError):
    """A Budget does not hold this call; retrying before its window ends is of no use."""

    status, code, type = 429, "insufficient_quota", "insufficient_quota"


class UpstreamFailedError(GatewayError):
    """The upstream could not be reached, or its answer was no answer."""

    status, code, type = 502, "upstream_error", "api_error"


class UnavailableError(GatewayError):
    """We cannot answer now: not ready, overloaded, or a store we may not go without is away."""

    status, code, type = 503, "not_ready", "api_error"


class JournalError(UnavailableError):
    """The local journal cannot take a record: what we cannot write down, we do not begin.  Nothing stays held."""

    code = "journal_unavailable"


class UpstreamTimeoutError(GatewayError):
    """The upstream did not answer in the time its model allows."""

    status, code, type = 504, "upstream_timeout", "timeout_error"


class StoreError(Exception):
    """The counter store did not do what was asked; *transient* says whether another try may.

    What was asked may or may not have happened, unless *maybe_done* is False: callers void a reservation they did
    not hear back from.
    """

    def __init__(self, message: str, *, transient: bool, maybe_done: bool = True) -> None:
        super().__init__(message)
        self.transient = transient
        self.maybe_done = maybe_done


class _ErrorFields(msgspec.Struct):
    type: str
    code: str
    message: str
    param: str | None


class _ErrorBody(msgspec.Struct):
    type: str
    error: _ErrorFields
    request_id: str


def error_body(error: GatewayError, request_id: str) -> bytes:
    """The JSON that the OpenAI and the Anthropic SDKs both read as an error."""
    fields = _ErrorFields(type=error.type, code=error.code, message=error.message, param=error.param)
    return msgspec.json.encode(_ErrorBody(type="error", error=fields, request_id=request_id))
