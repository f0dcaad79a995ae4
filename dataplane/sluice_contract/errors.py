"""The contract's errors.

ContractError
├── SnapshotInvalidError   a document is not what its name, digest or schema says
├── AmountInvalidError     a decimal string is not an amount of money or of tokens
└── RedisUrlInvalidError   a URL does not say where Redis is
"""


class ContractError(Exception):
    """Base of everything this package raises."""


class SnapshotInvalidError(ContractError):
    """A part or an index cannot be read; the message names the part and the field.  Nothing was applied."""


class AmountInvalidError(ContractError, ValueError):
    """A decimal string is no amount; the message quotes it and says what is expected."""


class RedisUrlInvalidError(ContractError, ValueError):
    """A URL does not say where Redis is; the message says why and quotes nothing of it: it may hold a password."""
