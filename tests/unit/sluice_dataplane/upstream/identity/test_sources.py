"""Each kind of identity against a service that checks what the real one checks; what cannot be used says why."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sluice_dataplane.upstream.seam import AttemptFailedError
from support.identities import Bench, identified
from support.identity_cases import CASES, KEYS, environment
from support.token_servers import CLIENT_SECRET, ROLE


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Identities in a pod that every cloud has set up."""
    async with identified(environment(tmp_path)) as running:
        yield running


@pytest.mark.parametrize("name", CASES)
async def test_a_provider_takes_what_proves_us(bench: Bench, tmp_path: Path, name: str) -> None:
    """Every kind gets past services that check signatures and secrets, and past a provider that checks the result."""
    case = CASES[name]
    upstream = bench.upstream(case.kind, case.params)
    statuses = [await bench.call(upstream, case.secret(bench, tmp_path)) for _ in range(2)]

    assert statuses == [200, 200]
    assert tuple(bench.servers.asked) == case.asked


@pytest.mark.parametrize("name", CASES)
async def test_a_credential_itself_is_never_sent_to_the_provider(bench: Bench, tmp_path: Path, name: str) -> None:
    """Only what was fetched, or a signature, goes there."""
    case = CASES[name]
    await bench.call(bench.upstream(case.kind, case.params), case.secret(bench, tmp_path))
    sent = json.dumps(list(bench.servers.seen))

    assert len(bench.servers.seen) == 1
    assert [secret for secret in (CLIENT_SECRET, "PRIVATE KEY", "EXAMPLEKEY", "projected") if secret in sent] == []


BROKEN = {
    "unknown-parameter": ("OAuth2", {"tokenURL": "{url}", "clientID": "c", "x": "y"}, "s", "unknown field `x`"),
    "missing-parameter": ("OAuth2", {"clientID": "c"}, "s", "missing required field `tokenURL`"),
    "unknown-source": ("AWS", {"region": "us-east-1", "source": "File"}, None, "source"),
    "no-credential": ("OAuth2", {"tokenURL": "{url}", "clientID": "c"}, None, "needs a credential"),
    "no-keys": ("AWS", {"region": "us-east-1"}, "AKID:secret-thing", "not JSON of accessKeyId"),
    "keys-with-more": ("AWS", {"region": "us-east-1"}, KEYS[:-1] + ',"x":"secret-thing"}', "not JSON of accessKeyId"),
    "keys-that-break-out": ("AWS", {"region": "us-east-1"}, KEYS.replace("AKID", "\\r\\nsecret-thing"), "characters"),
    "no-region": ("AWS", {}, KEYS, "AWS_REGION"),
    "bad-region": ("AWS", {"region": "x.evil.example/"}, KEYS, "region is no region"),
    "bad-service": ("AWS", {"region": "us-east-1", "service": "a/b"}, KEYS, "service is no service"),
    "bad-role": ("AWS", {"region": "us-east-1", "roleARN": "admin"}, KEYS, "roleARN"),
    "bad-session": ("AWS", {"region": "us-east-1", "roleARN": ROLE, "sessionName": "a b"}, KEYS, "sessionName"),
    "no-tenant": ("AzureAD", {"clientID": "c"}, "s", "tenantID"),
    "tenant-that-is-a-path": ("AzureAD", {"clientID": "c", "tenantID": "../x"}, "s", "tenantID"),
    "no-client": ("AzureAD", {"tenantID": "t"}, "s", "clientID"),
    "key-that-is-no-json": ("GCP", {}, "secret-thing", "not the JSON key of a Google service account"),
    "key-that-is-no-key": (
        "GCP",
        {},
        '{"client_email":"a","private_key":"secret-thing"}',
        "private key cannot be read",
    ),
    "not-a-file": ("GCP", {"source": "Federation"}, '{"type":"external_account"}', "with a file as its source"),
    "plain-http": ("OAuth2", {"tokenURL": "ftp://h/", "clientID": "c"}, "s", "https"),
    "user-in-url": ("OAuth2", {"tokenURL": "https://a:secret-thing@h/", "clientID": "c"}, "s", "credentials"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_cannot_be_used_says_why(bench: Bench, name: str) -> None:
    """It is refused before anything is sent; the message names what is wrong and quotes no credential."""
    kind, params, credential, why = BROKEN[name]
    with pytest.raises(AttemptFailedError, match="upstream up: ") as caught:
        await bench.call(bench.upstream(kind, params), credential)

    assert (caught.value.cause, caught.value.sent) == ("Refused", False)
    assert why in str(caught.value)
    assert "secret-thing" not in str(caught.value)
    assert (bench.servers.asked, bench.servers.seen) == ([], [])


@pytest.mark.parametrize(
    ("kind", "source", "variable"),
    [
        ("AWS", "WebIdentity", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ("AWS", "PodIdentity", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        ("GCP", "Federation", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("AzureAD", "WorkloadIdentity", "AZURE_TENANT_ID"),
    ],
)
async def test_a_pod_that_was_not_set_up_is_told_so(kind: str, source: str, variable: str) -> None:
    """The message names the variable that is not there."""
    params = {"source": source} | ({"region": "us-east-1", "roleARN": ROLE} if kind == "AWS" else {})
    async with identified() as bench:
        with pytest.raises(AttemptFailedError, match=variable):
            await bench.call(bench.upstream(kind, params))


OWN = ["aws-web-identity", "aws-pod-identity", "gcp-metadata", "gcp-federation", "azure-workload-identity"]


@pytest.mark.parametrize("name", OWN)
async def test_what_the_pods_own_identity_brings_goes_to_its_cloud_alone(
    bench: Bench, tmp_path: Path, name: str
) -> None:
    """A ModelProvider cannot have a token of the gateway's own sent to a server of its author's."""
    case = CASES[name]
    upstream = bench.upstream(case.kind, case.params, base_url="https://models.evil.example/v1")
    with pytest.raises(AttemptFailedError, match=r"may not be shown to models\.evil\.example"):
        await bench.call(upstream, case.secret(bench, tmp_path))

    assert bench.servers.asked == []


async def test_a_configuration_may_be_the_pods_own(tmp_path: Path) -> None:
    """GOOGLE_APPLICATION_CREDENTIALS names the external account where no Secret holds it."""
    environ = {**environment(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "account.json")}
    async with identified(environ) as bench:
        (tmp_path / "account.json").write_text(bench.servers.external_account(str(tmp_path / "token")))
        status = await bench.call(bench.upstream("GCP", {"source": "Federation"}))

    assert status == 200
