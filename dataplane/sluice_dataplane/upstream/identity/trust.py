"""To whom the pod's own identity may be shown.  Pure.

A ModelProvider is written by whoever may write one in its namespace.  An identity that comes with it in a Secret is
its author's, and goes where the author says.  What belongs to the pod (its projected tokens, its cloud's metadata)
does not: shown to a host of the author's choice it could be kept and used elsewhere.  So it goes to hosts of the
clouds that no customer of theirs controls, and to those that whoever runs the gateway names besides.
"""

import ipaddress
import re
from typing import Final, Literal
from urllib.parse import urlsplit

from sluice_dataplane.upstream.identity.grants import IdentityFailedError

Purpose = Literal["AWS tokens", "AWS models", "GCP tokens", "GCP models", "AzureAD tokens", "AzureAD models"]

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_REGION: Final = r"[a-z]{2,5}(?:-[a-z]+)+-[0-9]{1,2}"
_AMAZON: Final = r"amazonaws\.(?:com|com\.cn|eu)"
_HOSTS: Final[dict[Purpose, str]] = {
    "AWS tokens": rf"sts(?:-fips)?(?:\.{_REGION})?\.{_AMAZON}|vpce-{_LABEL}\.sts\.{_REGION}\.vpce\.{_AMAZON}",
    "AWS models": rf"bedrock-(?:runtime|mantle)(?:-fips)?\.{_REGION}\.(?:{_AMAZON}|api\.aws)"
    rf"|vpce-{_LABEL}\.bedrock-(?:runtime|mantle)\.{_REGION}\.vpce\.{_AMAZON}",
    "GCP tokens": rf"(?:sts|iamcredentials)(?:\.{_LABEL}\.rep)?\.googleapis\.com",
    "GCP models": rf"(?:{_LABEL}-)?aiplatform(?:\.{_LABEL}\.rep)?\.googleapis\.com|generativelanguage\.googleapis\.com",
    "AzureAD tokens": r"login\.microsoftonline\.(?:com|us)|login\.(?:partner\.microsoftonline|chinacloudapi)\.cn",
    "AzureAD models": rf"{_LABEL}\.(?:openai|services\.ai|cognitiveservices)\.azure\.(?:com|us|cn)",
}
_COMPILED: Final = {purpose: re.compile(pattern) for purpose, pattern in _HOSTS.items()}

# The one place where link-local addresses are called: fixed ones, by fixed names, and nothing of a tenant's with it.
GOOGLE_ADDRESSES: Final = frozenset(("169.254.169.254", "fd20:ce::254"))  # metadata.google.internal
EKS_ADDRESSES: Final = frozenset(("169.254.170.23", "fd00:ec2::23"))  # the agent of EKS Pod Identity
METADATA_ADDRESSES: Final = GOOGLE_ADDRESSES | EKS_ADDRESSES


def check_shown_to(url: str, purpose: Purpose, trusted: frozenset[str]) -> None:
    """Whether the pod's own identity may be shown to *url*: for *purpose*, or because its host is among *trusted*.

    Raises:
        IdentityFailedError: it may not.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        host, parts = "", urlsplit("")
    if host in trusted:
        return
    if parts.scheme != "https" or not _COMPILED[purpose].fullmatch(host):
        cloud = purpose.removesuffix(" tokens").removesuffix(" models")
        raise IdentityFailedError(f"the gateway's own {cloud} identity may not be shown to {host or 'such a URL'}")


def may_ask_metadata(ip: str, *, private_allowed: bool) -> bool:
    """Whether *ip* is a metadata service that gives the pod's own identity, or this machine.

    Raises:
        ValueError: *ip* is no address.
    """
    address = ipaddress.ip_address(ip)
    return private_allowed and (str(address) in METADATA_ADDRESSES or address.is_loopback)
