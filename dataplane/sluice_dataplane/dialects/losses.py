"""What a wire cannot say: refused with the field's name, or dropped where the model allows it.  Pure."""

from collections.abc import Mapping

from sluice_dataplane.errors import InvalidRequestError


class Losses:
    """Asked once for each thing of a request that cannot be carried.  ``dropped`` names what was left out."""

    __slots__ = ("_allowed", "_names", "dropped")

    def __init__(self, *, allowed: bool, names: Mapping[str, str] | None = None) -> None:
        self._allowed = allowed
        self._names = names or {}
        self.dropped: list[str] = []

    def lose(self, field: str, why: str = "the provider of this model has nothing like it") -> None:
        """*field* cannot be carried: it is named as in :class:`~.conversation.Request`, or by its place in the body.

        Raises:
            InvalidRequestError: it may not be dropped.
        """
        name = self._names.get(field, field)
        if not self._allowed:
            message = f"{name}: {why}. Leave it out, or set dropUnsupported on the ModelDeployment."
            raise InvalidRequestError(message, code="unsupported_field", param=name)
        self.dropped.append(name)

    def refuse(self, field: str, why: str) -> InvalidRequestError:
        """The error for what may not be dropped in any case: without it the request would be another."""
        name = self._names.get(field, field)
        return InvalidRequestError(f"{name}: {why}.", code="unsupported_field", param=name)
