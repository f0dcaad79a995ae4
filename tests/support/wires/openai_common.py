"""What OpenAI's APIs share: errors, and images by data URL."""

from typing import Final

import msgspec

from support.wires.values import Failure, Picture, RefusedError, unbase64

_TYPES: Final = {400: "invalid_request_error", 401: "invalid_request_error", 404: "invalid_request_error"}
_CODES: Final = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded", 500: "server_error"}


def error(failure: Failure) -> tuple[dict[str, str], bytes]:
    """Headers and body of an error."""
    told = {
        "message": failure.message,
        "type": _TYPES.get(failure.status, "rate_limit_error" if failure.status == 429 else "server_error"),
        "param": failure.param or None,
        "code": _CODES.get(failure.status),
    }
    return {"content-type": "application/json", **failure.headers}, msgspec.json.encode({"error": told})


def picture_at(url: str, where: str) -> Picture:
    """The image that *url* is, or names.  Raises RefusedError."""
    if url.startswith(("https://", "http://")):
        return Picture(url=url)
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:image/") and head.endswith(";base64")):
        raise RefusedError("Invalid image URL: expected a base64-encoded data URL with an image MIME type", param=where)
    return Picture(head.removeprefix("data:").removesuffix(";base64"), unbase64(data, where))
