"""How an account says who we are → a header, an identity of the contract, and the credential behind it.

A credential is never part of a message.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sluice_contract.snapshot import Identity
from sluice_operator.compiler.findings import Problem
from sluice_operator.compiler.keys import sendable, without_line_end
from sluice_operator.compiler.references import Entry, short_id
from sluice_operator.inventory import Inventory, ObjectName
from sluice_operator.providers.row import Provider
from sluice_operator.resources.auth import Auth, AWSAuth, AzureADAuth, GCPAuth, SecretValue

TOKENS_FOLDER: Final = "/var/run/secrets/sluice"  # where the chart mounts cloudIdentity.tokens
GOOGLE_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
AZURE_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
_GOOGLE_STS: Final = "https://sts.googleapis.com/v1/token"
_GOOGLE_ACTING: Final = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{}:generateAccessToken"
_JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
_AWS_SAID: Final = {"accessKeyID": "accessKeyId"}  # as AWS itself writes it
_KEY_FIELDS: Final = ("client_email", "private_key")
MAX_KEY_BYTES: Final = 16_384  # of a service account's key file, which has some 2400


@dataclass(frozen=True, slots=True)
class Said:
    """What an upstream says of itself.  ``credential`` None: nothing secret is needed."""

    auth_header: str | None = None
    auth_prefix: str = ""
    identity: Identity | None = None
    credential_id: str | None = None
    credential: str | None = field(default=None, repr=False)


NOBODY: Final = Said()


def entries(auth: Auth | None, *, home: str) -> dict[str, Entry]:
    """The Secret entries that *auth*, said in the namespace *home*, names, by what each is."""
    if auth is None:
        return {}
    aws, gcp, azure, oauth2 = auth.aws or AWSAuth(), auth.gcp or GCPAuth(), auth.azure_ad or AzureADAuth(), auth.oauth2
    values: dict[str, SecretValue | None] = {
        "apiKey": auth.api_key,
        "accessKeyID": aws.access_key_id,
        "secretAccessKey": aws.secret_access_key,
        "sessionToken": aws.session_token,
        "key": gcp.key,
        "clientSecret": azure.client_secret if oauth2 is None else oauth2.client_secret,
    }
    return {
        name: Entry("Secret", ObjectName(home, value.secret_ref.name), value.secret_ref.key)
        for name, value in values.items()
        if value is not None
    }


def identify(auth: Auth | None, row: Provider, *, region: str, home: str, inventory: Inventory) -> Said | Problem:
    """What an account of the namespace *home* says with *auth*, or what it lacks."""
    if auth is None or auth.type == "None":
        return NOBODY
    if auth.ambient and inventory.identity_namespaces is not None and home not in inventory.identity_namespaces:
        return Problem(
            "IdentityNotAllowed",
            f"auth: the data plane's own identity may not be used from the namespace {home}. "
            "Use a Secret, or a ModelProvider of a namespace in the chart's cloudIdentity.namespaces.",
        )
    named = entries(auth, home=home)
    read = {name: _read(entry, inventory, whole=name == "key") for name, entry in named.items()}
    problem = next((each for each in read.values() if isinstance(each, Problem)), None)
    if problem is not None:
        return problem
    secrets = {name: each for name, each in read.items() if isinstance(each, str)}
    id_ = short_id("cred", home, *(part for entry in named.values() for part in (entry.name.name, entry.key)))
    if auth.type == "APIKey":
        return Said(row.auth_header, row.auth_prefix, None, id_, secrets["apiKey"])
    return _with_identity(auth, row, region=region, secrets=secrets, id_=id_, home=home)


def _with_identity(
    auth: Auth, row: Provider, *, region: str, secrets: Mapping[str, str], id_: str, home: str
) -> Said | Problem:
    credential: str | None = next(iter(secrets.values()), None)
    match auth.type:
        case "AWS":
            params = _aws(auth.aws or AWSAuth(), row, region)
            named = {_AWS_SAID.get(name, name): value for name, value in secrets.items()}
            credential = json.dumps(named, sort_keys=True) if named else None
        case "GCP":
            gcp = auth.gcp or GCPAuth()
            params = {"source": gcp.source, "scope": gcp.scope or GOOGLE_SCOPE}
            if gcp.federation is not None:
                credential = _federated(gcp)
                id_ = short_id("cred", home, credential)
            elif credential is not None and not _is_service_account(credential):
                return Problem("SecretInvalid", "auth.gcp.key: should be the JSON of a Google service account's key.")
        case "AzureAD":
            params = _azure(auth.azure_ad or AzureADAuth())
        case "OAuth2":
            assert auth.oauth2 is not None
            params = _present(
                tokenURL=auth.oauth2.token_url,
                clientID=auth.oauth2.client_id,
                scope=auth.oauth2.scope or row.scope,
                audience=auth.oauth2.audience,
                authStyle=auth.oauth2.auth_style,
            )
        case "APIKey" | "None":
            return NOBODY
    # No header: a signature or a token stands where the identity puts it.
    return Said(None, "", Identity(auth.type, params), None if credential is None else id_, credential)


def _present(**params: str | None) -> dict[str, str]:
    return {name: value for name, value in sorted(params.items()) if value}


def _aws(aws: AWSAuth, row: Provider, region: str) -> dict[str, str]:
    return _present(
        region=region,
        service=row.service,
        source=aws.source,
        roleARN=aws.role_arn,
        sessionName=aws.session_name,
        stsURL=aws.sts_url,
    )


def _azure(azure: AzureADAuth) -> dict[str, str]:
    return _present(
        source=azure.source,
        tenantID=azure.tenant_id,
        clientID=azure.client_id,
        authorityHost=azure.authority_host,
        scope=azure.scope or AZURE_SCOPE,
    )


def _federated(gcp: GCPAuth) -> str:
    """A credential configuration as Google's libraries read it (AIP-4117); nothing in it is secret."""
    assert gcp.federation is not None
    whole = {
        "type": "external_account",
        "audience": gcp.federation.audience,
        "subject_token_type": _JWT,
        "token_url": _GOOGLE_STS,
        "credential_source": {"file": f"{TOKENS_FOLDER}/{gcp.federation.token}/token"},
    }
    if gcp.federation.service_account is not None:
        whole["service_account_impersonation_url"] = _GOOGLE_ACTING.format(gcp.federation.service_account)
    return json.dumps(whole, sort_keys=True)


def _is_service_account(text: str) -> bool:
    """Whether *text* is a key as Google gives it out."""
    try:
        key = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(key, dict) or key.get("type") != "service_account":
        return False
    return all(isinstance(key.get(name), str) and key[name] for name in _KEY_FIELDS)


def _read(entry: Entry, inventory: Inventory, *, whole: bool) -> str | Problem:
    """The text of a Secret's entry: one word that fits into a header, or with *whole* a small file."""
    value = entry.read(inventory.secrets)
    if isinstance(value, Problem):
        return value
    if whole:
        try:
            return value.decode("utf-8") if len(value) <= MAX_KEY_BYTES else _invalid(entry, "is too large")
        except UnicodeDecodeError:
            return _invalid(entry, "is no text")
    secret = without_line_end(value)
    if not sendable(secret):
        return _invalid(entry, "should be 1 to 4096 visible ASCII characters without spaces")
    return secret.decode("ascii")


def _invalid(entry: Entry, what: str) -> Problem:
    return Problem("SecretInvalid", f"{entry}: {what}.")
