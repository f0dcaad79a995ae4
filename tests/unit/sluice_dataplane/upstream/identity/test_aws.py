"""Where AWS's keys come from: endpoints by region, the one agent that is asked, roles and their names."""

from pathlib import Path

import pytest

from sluice_dataplane.upstream.identity.aws import CONTAINER_URI, region, sts_url
from sluice_dataplane.upstream.identity.grants import IdentityFailedError
from sluice_dataplane.upstream.identity.params import AwsParams
from sluice_dataplane.upstream.identity.pod import Pod
from sluice_dataplane.upstream.seam import AttemptFailedError
from support.identities import identified
from support.identity_cases import CASES, KEYS, environment
from support.token_servers import ROLE


@pytest.mark.parametrize(
    ("where", "url"),
    [
        ("us-east-1", "https://sts.us-east-1.amazonaws.com/"),
        ("us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com/"),
        ("cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn/"),
        ("eusc-de-east-1", "https://sts.eusc-de-east-1.amazonaws.eu/"),
    ],
)
def test_roles_are_asked_for_in_the_region(where: str, url: str) -> None:
    """By the partition's own domain, unless another URL is named."""
    assert sts_url(AwsParams(region=where), Pod()) == url
    assert sts_url(AwsParams(region=where, sts_url="https://x/"), Pod()) == "https://x/"


def test_a_region_may_come_from_the_pod() -> None:
    """As the clouds' own libraries read it; what the identity says comes first."""
    pod = Pod({"AWS_DEFAULT_REGION": "eu-west-1"})

    assert (region(AwsParams(), pod), region(AwsParams(region="eu-north-1"), pod)) == ("eu-west-1", "eu-north-1")
    with pytest.raises(IdentityFailedError, match="AWS_REGION"):
        region(AwsParams(), Pod())


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/latest/meta-data/iam",
        "http://agent.example/v1/credentials",
        "http://10.0.0.1/v1/credentials",
        "http://localhost.evil.example/",
        "ftp://169.254.170.23/",
        "http://[",
    ],
)
async def test_only_the_agent_of_pod_identity_is_asked(tmp_path: Path, uri: str) -> None:
    """Whatever the environment says; the pod's token goes nowhere else."""
    async with identified({**environment(tmp_path), CONTAINER_URI: uri}) as bench:
        with pytest.raises(AttemptFailedError, match=f"{CONTAINER_URI} is not one"):
            await bench.call(bench.upstream("AWS", CASES["aws-pod-identity"].params))


@pytest.mark.parametrize("trusted", [frozenset[str](), frozenset(("127.0.0.1",))])
@pytest.mark.parametrize("name", ["aws-web-identity", "gcp-federation", "azure-workload-identity"])
async def test_the_pods_own_token_goes_to_trusted_services_alone(
    tmp_path: Path, name: str, trusted: frozenset[str]
) -> None:
    """A URL in a ModelProvider cannot make the gateway hand its own identity over."""
    case = CASES[name]
    async with identified(environment(tmp_path), trusted=trusted) as bench:
        upstream = bench.upstream(case.kind, case.params)
        credential = case.secret(bench, tmp_path)
        if trusted:
            assert await bench.call(upstream, credential) == 200
        else:
            with pytest.raises(AttemptFailedError, match="may not be shown to"):
                await bench.call(upstream, credential)
            assert (bench.servers.asked, bench.servers.seen) == ([], [])


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("aws-web-identity", "https://bedrock-runtime.us-east-1.amazonaws.com"),
        ("aws-pod-identity-role", "https://bedrock-runtime.us-east-1.amazonaws.com"),
        ("gcp-federation", "https://us-central1-aiplatform.googleapis.com/v1"),
        ("azure-workload-identity", "https://r.openai.azure.com/openai/v1"),
    ],
)
async def test_also_with_a_providers_true_address_its_token_service_is_not_the_users(
    tmp_path: Path, name: str, models: str
) -> None:
    """Where only the token service's URL is another, the pod's token does not go there either."""
    case = CASES[name]
    async with identified(environment(tmp_path), trusted=frozenset()) as bench:
        upstream = bench.upstream(case.kind, case.params, base_url=models)
        with pytest.raises(AttemptFailedError, match=r"may not be shown to 127\.0\.0\.1"):
            await bench.headers(upstream, case.secret(bench, tmp_path))

        assert bench.servers.asked == []


async def test_a_roles_keys_are_those_that_sign() -> None:
    """The access key of the Secret signs for the role alone; calls carry the session's token."""
    async with identified() as bench:
        upstream = bench.upstream("AWS", {**CASES["aws-static-role"].params, "roleARN": ROLE})
        headers = dict(await bench.headers(upstream, KEYS))

    assert headers["x-amz-security-token"] == "tok-1"
    assert "Credential=ASIA1/" in headers["authorization"]
