"""TLS contexts: the system's authorities, plus an upstream's own; HTTP/1.1 only.  Made once each."""

import ssl
from functools import lru_cache
from typing import Final

MAX_CONTEXTS: Final = 64  # one per different ca_pem; making one reads the system's authorities (tens of milliseconds)


@lru_cache(maxsize=MAX_CONTEXTS)
def context_for(ca_pem: str | None) -> ssl.SSLContext:
    """A context that verifies certificate and host name, and trusts *ca_pem* besides the system's authorities.

    Raises:
        ssl.SSLError: *ca_pem* holds no certificate.
    """
    context = ssl.create_default_context()
    if ca_pem is not None:
        context.load_verify_locations(cadata=ca_pem)
        # From 3.13 on Python refuses authorities without certain extensions; in-house ones are often like that.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
