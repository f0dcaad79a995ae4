"""The operator's errors.

OperatorError
├── ManifestInvalidError   a manifest does not fit its kind; the message names the field
├── ClusterError           the API server refused or did not answer; ``transient`` says whether to try again
├── SettingsInvalidError   an environment variable or file cannot be used; the operator does not start
└── SpendUnavailableError  the counters cannot be read; figures in statuses stay as they were
"""


class OperatorError(Exception):
    """Base of everything this package raises."""


class ManifestInvalidError(OperatorError):
    """A manifest does not fit its kind; the message names the field and what is expected."""


class ClusterError(OperatorError):
    """The API server refused or did not answer; what was asked may or may not have happened."""

    def __init__(self, message: str, *, transient: bool, status: int | None = None) -> None:
        super().__init__(message)
        self.transient = transient
        self.status = status


class SettingsInvalidError(OperatorError):
    """A setting cannot be used; the message names it.  Nothing was started."""


class SpendUnavailableError(OperatorError):
    """The counters cannot be read now; figures in statuses stay as they were."""
