"""One of each kind of identity, with what it needs: in the pod, in a Secret, of its token service."""

import json
from pathlib import Path
from typing import NamedTuple

from support.identities import Bench
from support.token_servers import (
    ACCESS_KEY,
    AGENT_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    POD_TOKEN,
    ROLE,
    SECRET_KEY,
    TENANT,
)


class Case(NamedTuple):
    """An identity, its credential, and the services that are asked for it, in order.

    ``{url}`` in parameters is the services'; a credential in braces is one that the services make.
    """

    kind: str
    params: dict[str, str]
    credential: str | None = None
    asked: tuple[str, ...] = ()

    def secret(self, bench: Bench, folder: Path) -> str | None:
        """The credential itself."""
        match self.credential:
            case "{service account}":
                return bench.servers.service_account()
            case "{external account}":
                return bench.servers.external_account(str(folder / "token"))
            case "{impersonating}":
                source = {"type": "json", "subject_token_field_name": "id_token"}
                file = {"file": str(folder / "token.json"), "format": source}
                return bench.servers.external_account("", impersonate=True, credential_source=file)
            case _:
                return self.credential


KEYS = json.dumps({"accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY})
AWS = {"region": "us-east-1"}
STS = {**AWS, "stsURL": "{url}/aws"}
ENTRA = {"tenantID": TENANT, "clientID": CLIENT_ID, "authorityHost": "{url}/"}
OAUTH2 = {"tokenURL": "{url}/oauth/token", "clientID": CLIENT_ID}
METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
ENTRA_PATH = f"/{TENANT}/oauth2/v2.0/token"
IMPERSONATION = "/accounts/gateway@project.iam.gserviceaccount.com:generateAccessToken"
AGENT = "/v1/credentials"

CASES = {
    "aws-static": Case("AWS", AWS, KEYS),
    "aws-static-role": Case("AWS", {**STS, "roleARN": ROLE}, KEYS, ("/aws",)),
    "aws-web-identity": Case("AWS", {**STS, "source": "WebIdentity"}, None, ("/aws",)),
    "aws-pod-identity": Case("AWS", {**AWS, "source": "PodIdentity"}, None, (AGENT,)),
    "aws-pod-identity-role": Case("AWS", {**STS, "source": "PodIdentity", "roleARN": ROLE}, None, (AGENT, "/aws")),
    "gcp-service-account": Case("GCP", {}, "{service account}", ("/google/token",)),
    "gcp-metadata": Case("GCP", {"source": "Metadata"}, None, (METADATA,)),
    "gcp-federation": Case("GCP", {"source": "Federation"}, "{external account}", ("/sts/v1/token",)),
    "gcp-impersonation": Case("GCP", {"source": "Federation"}, "{impersonating}", ("/sts/v1/token", IMPERSONATION)),
    "azure-client-secret": Case("AzureAD", ENTRA, CLIENT_SECRET, (ENTRA_PATH,)),
    "azure-workload-identity": Case("AzureAD", {"source": "WorkloadIdentity"}, None, (ENTRA_PATH,)),
    "oauth2-basic": Case("OAuth2", OAUTH2, CLIENT_SECRET, ("/oauth/token",)),
    "oauth2-body": Case("OAuth2", {**OAUTH2, "authStyle": "Body"}, CLIENT_SECRET, ("/oauth/token",)),
}


def environment(folder: Path) -> dict[str, str]:
    """What a pod has that every cloud has set up, with its files in *folder*."""
    (folder / "token").write_text(f"{POD_TOKEN}\n")
    (folder / "token.json").write_text(json.dumps({"id_token": POD_TOKEN}))
    (folder / "agent").write_text(AGENT_TOKEN)
    return {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
        "AWS_ROLE_ARN": ROLE,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(folder / "agent"),
        "GCE_METADATA_HOST": "{host}",
        "AZURE_FEDERATED_TOKEN_FILE": str(folder / "token"),
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": CLIENT_ID,
        "AZURE_AUTHORITY_HOST": "{url}/",
    }
