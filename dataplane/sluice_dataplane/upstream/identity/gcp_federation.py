"""Workload identity federation (AIP-4117): a token of another issuer's → Google's, perhaps in the name of an account.

The configuration says where to read and where to send, and so could be made to send any file anywhere.  Only files
are taken as sources, only Google's own services are sent them.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from sluice_dataplane.upstream.identity.answers import bearer_of, impersonated_of
from sluice_dataplane.upstream.identity.asking import Asker
from sluice_dataplane.upstream.identity.grants import Bearer, Grant, IdentityFailedError
from sluice_dataplane.upstream.identity.params import CLOUD_PLATFORM, document
from sluice_dataplane.upstream.identity.pod import Pod, one_line, read
from sluice_dataplane.upstream.identity.trust import check_shown_to

CONFIGURATION: Final = "GOOGLE_APPLICATION_CREDENTIALS"
_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # RFC 8693
_ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  # a type's name
_WHAT: Final = "the configuration of an external account with a file as its source"
_SUBJECT: Final = "the subject token"


class _Format(msgspec.Struct, frozen=True):
    type: Literal["text", "json"] = "text"
    subject_token_field_name: str = ""


class _Source(msgspec.Struct, frozen=True):
    file: str
    format: _Format = _Format()


class _Lifetime(msgspec.Struct, frozen=True):
    token_lifetime_seconds: int = 3600


class ExternalAccount(msgspec.Struct, frozen=True):
    """The JSON that Google gives out for a workload of another issuer's.  It holds no secret."""

    type: Literal["external_account"]
    audience: str
    subject_token_type: str
    token_url: str
    credential_source: _Source
    service_account_impersonation_url: str = ""
    service_account_impersonation: _Lifetime = _Lifetime()


class Federation:
    """A token for the one in a file of the pod's.

    *configuration* is the ExternalAccount as JSON; None reads it where ``GOOGLE_APPLICATION_CREDENTIALS`` says.
    """

    def __init__(
        self, asker: Asker, scope: str, configuration: str | None, pod: Pod, wall_s: Callable[[], float]
    ) -> None:
        self._asker = asker
        self._scope = scope
        self._pod = pod
        self._wall_s = wall_s
        self._account = self._checked(configuration) if configuration else None

    async def fetch(self) -> Grant:
        """See Source."""
        account = self._account
        if account is None:
            account = self._checked(await read(self._pod.variable(CONFIGURATION), CONFIGURATION))
        impersonating = bool(account.service_account_impersonation_url)
        fields = {
            "grant_type": _EXCHANGE,
            "audience": account.audience,
            "scope": CLOUD_PLATFORM if impersonating else self._scope,
            "requested_token_type": _ACCESS_TOKEN,
            "subject_token": await _subject(account.credential_source),
            "subject_token_type": account.subject_token_type,
        }
        grant = bearer_of(await self._asker.form(account.token_url, fields))
        return await self._impersonated(account, grant) if impersonating else grant

    async def _impersonated(self, account: ExternalAccount, grant: Grant) -> Grant:
        assert isinstance(grant.what, Bearer)
        life_s = account.service_account_impersonation.token_lifetime_seconds
        wanted = {"scope": self._scope.split(), "lifetime": f"{life_s}s"}
        proof = ("authorization", f"Bearer {grant.what.token}")
        now_s = self._wall_s()
        return impersonated_of(
            await self._asker.json(account.service_account_impersonation_url, wanted, (proof,)), now_s
        )

    def _checked(self, configuration: bytes | str) -> ExternalAccount:
        account = document(configuration, ExternalAccount, _WHAT)
        check_shown_to(account.token_url, "GCP tokens", self._pod.trusted)
        if account.service_account_impersonation_url:
            check_shown_to(account.service_account_impersonation_url, "GCP tokens", self._pod.trusted)
        return account


async def _subject(source: _Source) -> str:
    content = await read(source.file, _SUBJECT)
    if source.format.type == "json":
        try:
            value = msgspec.json.decode(content, type=dict[str, object])[source.format.subject_token_field_name]
        except (msgspec.MsgspecError, ValueError, RecursionError, KeyError):
            value = None
        if not isinstance(value, str):
            raise IdentityFailedError("the file of the subject token has no such field")
        content = value.encode()
    return one_line(content, _SUBJECT)
