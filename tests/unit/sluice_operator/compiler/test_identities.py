"""How an account says who we are."""

import json
from dataclasses import replace
from typing import Any

import pytest

from sluice_contract.snapshot import Credentials, Upstream
from sluice_dataplane.upstream.identity.aws import StaticKeys
from sluice_dataplane.upstream.identity.gcp import ServiceAccountKey
from sluice_dataplane.upstream.identity.gcp_federation import ExternalAccount
from sluice_dataplane.upstream.identity.params import (
    AwsParams,
    AzureParams,
    GcpParams,
    OAuth2Params,
    document,
    parsed,
)
from sluice_operator.compiler import Compilation, compile_inventory
from unit.sluice_operator.compiler.world import documents_of, finding, inventory_of

PARAMS: dict[str, Any] = {"AWS": AwsParams, "GCP": GcpParams, "AzureAD": AzureParams, "OAuth2": OAuth2Params}
WHERE = {
    "Bedrock": "region: us-east-1",
    "VertexAI": "project: p",
    "AzureOpenAI": "baseURL: https://a.openai.azure.com",
    "Databricks": "baseURL: https://w.cloud.databricks.com",
    "OpenAICompatible": "baseURL: https://llm.example.com/v1",
}
SECRET = "clientSecret: {secretRef: {name: account, key: token}}"
AZURE = (
    "{type: AzureAD, azureAD: {source: ClientSecret, tenantID: t, scope: s,"
    f" clientID: 00000000-0000-0000-0000-000000000000, {SECRET}}}}}"
)
DATABRICKS = (
    f"{{type: OAuth2, oauth2: {{tokenURL: 'https://w.cloud.databricks.com/oidc/v1/token', clientID: c, {SECRET}}}}}"
)
GOOGLE_KEY = {"type": "service_account", "client_email": "a@p.iam.gserviceaccount.com", "private_key": "-----BEGIN"}


def whole(type_: str, auth: str, *, namespaces: frozenset[str] | None = None, file: str = "{}") -> Compilation:
    """What is made of an account with *auth*, where *namespaces* may use the data plane's own identity."""
    provider = (
        f"kind: ModelProvider\nmetadata: {{name: acct}}\nspec:\n  type: {type_}\n  {WHERE[type_]}\n  auth: {auth}"
    )
    data = json.dumps({"token": "s3cret", "id": "AKIA", "file": file})
    secret = f"---\nkind: Secret\nmetadata: {{name: account}}\ndata: {data}"
    inventory = inventory_of(documents_of(f"{provider}\n{secret}"))
    return compile_inventory(replace(inventory, identity_namespaces=namespaces))


def made(type_: str, auth: str, *, file: str = "{}") -> tuple[Upstream, Credentials]:
    """The upstream and the credentials."""
    compilation = whole(type_, auth, file=file)
    (upstream,) = compilation.snapshot.upstreams
    return upstream, compilation.snapshot.credentials


@pytest.mark.parametrize(
    ("type_", "auth", "wanted"),
    [
        (
            "Bedrock",
            "{type: AWS}",
            {"region": "us-east-1", "service": "bedrock", "source": "WebIdentity"},
        ),
        (
            "Bedrock",
            "{type: AWS, aws: {source: PodIdentity, roleARN: 'arn:aws:iam::123456789012:role/r', sessionName: gw}}",
            {
                "region": "us-east-1",
                "roleARN": "arn:aws:iam::123456789012:role/r",
                "service": "bedrock",
                "sessionName": "gw",
                "source": "PodIdentity",
            },
        ),
        (
            "VertexAI",
            "{type: GCP}",
            {"scope": "https://www.googleapis.com/auth/cloud-platform", "source": "Metadata"},
        ),
        (
            "AzureOpenAI",
            "{type: AzureAD}",
            {"scope": "https://cognitiveservices.azure.com/.default", "source": "WorkloadIdentity"},
        ),
        (
            "AzureOpenAI",
            AZURE,
            {
                "clientID": "00000000-0000-0000-0000-000000000000",
                "scope": "s",
                "source": "ClientSecret",
                "tenantID": "t",
            },
        ),
        (
            "Databricks",
            DATABRICKS,
            {
                "authStyle": "Basic",
                "clientID": "c",
                "scope": "all-apis",
                "tokenURL": "https://w.cloud.databricks.com/oidc/v1/token",
            },
        ),
    ],
)
def test_each_identity_is_one_that_the_data_plane_takes(type_: str, auth: str, wanted: dict[str, str]) -> None:
    """What is no secret travels as parameters; what the account's type says need not be said again."""
    upstream, _ = made(type_, auth)

    assert upstream.identity is not None
    assert upstream.identity.params == wanted
    assert parsed(upstream.identity, PARAMS[upstream.identity.kind])
    assert upstream.auth_header is None


def test_the_data_planes_own_identity_needs_no_secret() -> None:
    """Where pods have an identity there is nothing to keep."""
    upstream, credentials = made("VertexAI", "{type: GCP}")

    assert (upstream.credential_id, credentials.values) == (None, {})


def test_an_access_key_travels_as_one_credential() -> None:
    """Both halves of an AWS key change together."""
    auth = (
        "{type: AWS, aws: {source: Static, accessKeyID: {secretRef: {name: account, key: id}},"
        " secretAccessKey: {secretRef: {name: account, key: token}}}}"
    )
    upstream, credentials = made("Bedrock", auth)

    (text,) = credentials.values.values()
    assert upstream.credential_id in credentials.values
    assert document(text, StaticKeys, "a key") == StaticKeys("AKIA", "s3cret")


def test_a_service_accounts_key_file_travels_whole() -> None:
    """A key file is JSON of several lines, and is read as such."""
    auth = "{type: GCP, gcp: {source: ServiceAccount, key: {secretRef: {name: account, key: file}}}}"
    _, credentials = made("VertexAI", auth, file=json.dumps(GOOGLE_KEY, indent=2))

    (text,) = credentials.values.values()
    assert document(text, ServiceAccountKey, "a key").client_email == GOOGLE_KEY["client_email"]


def test_what_is_no_key_file_is_refused_and_not_quoted() -> None:
    """Somebody who put a password there is told what should be there."""
    auth = "{type: GCP, gcp: {source: ServiceAccount, key: {secretRef: {name: account, key: file}}}}"
    found = finding(whole("VertexAI", auth, file="hunter2"), "ModelProvider", "acct", "ResolvedRefs")

    assert (found.reason, "hunter2" in found.message) == ("SecretInvalid", False)


def test_federation_is_written_as_googles_libraries_read_it() -> None:
    """Nobody has to download a configuration: what it would say follows from the pool and the account."""
    auth = (
        "{type: GCP, gcp: {source: Federation, federation: {serviceAccount: a@p.iam.gserviceaccount.com,"
        " audience: //iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/k/providers/k}}}"
    )
    _, credentials = made("VertexAI", auth)

    account = document(next(iter(credentials.values.values())), ExternalAccount, "an account")
    assert account.credential_source.file == "/var/run/secrets/sluice/gcp/token"
    assert account.service_account_impersonation_url.endswith("/a@p.iam.gserviceaccount.com:generateAccessToken")


@pytest.mark.parametrize(
    ("type_", "auth"), [("Bedrock", "{type: AWS}"), ("VertexAI", "{type: GCP}"), ("AzureOpenAI", "{type: AzureAD}")]
)
def test_the_data_planes_own_identity_is_not_for_everybody(type_: str, auth: str) -> None:
    """Who may write a ModelProvider anywhere cannot spend the platform's cloud account by that."""
    refused = whole(type_, auth, namespaces=frozenset({"platform"}))

    assert refused.snapshot.upstreams == ()
    assert finding(refused, "ModelProvider", "acct", "ResolvedRefs").reason == "IdentityNotAllowed"
    assert whole(type_, auth, namespaces=frozenset({"team-a"})).snapshot.upstreams


def test_a_secret_of_ones_own_is_for_everybody() -> None:
    """Identities that come from a Secret are their owner's, wherever they are used."""
    auth = f"{{type: OAuth2, oauth2: {{tokenURL: 'https://idp.example.com/token', clientID: c, {SECRET}}}}}"

    assert whole("OpenAICompatible", auth, namespaces=frozenset()).snapshot.upstreams


def test_a_bedrock_api_key_is_a_bearers() -> None:
    """Bedrock takes API keys as everybody does, and then nothing is signed."""
    upstream, _ = made("Bedrock", "{type: APIKey, apiKey: {secretRef: {name: account, key: token}}}")

    assert (upstream.auth_header, upstream.auth_prefix, upstream.identity) == ("authorization", "Bearer ", None)


def test_no_part_of_a_secret_prints() -> None:
    """Nothing that shows a compilation shows a credential."""
    auth = f"{{type: OAuth2, oauth2: {{tokenURL: 'https://idp.example.com/token', clientID: c, {SECRET}}}}}"

    assert "s3cret" not in repr(whole("OpenAICompatible", auth))
