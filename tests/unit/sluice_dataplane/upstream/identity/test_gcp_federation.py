"""External accounts: what a configuration may not do."""

import json
from pathlib import Path
from typing import Any

import pytest

from sluice_dataplane.upstream.seam import AttemptFailedError
from support.identities import identified
from support.identity_cases import environment

FILE = {"file": "/f"}


@pytest.mark.parametrize(
    "source",
    [
        {"url": "http://169.254.169.254/token"},
        {"executable": {"command": "/bin/cat /etc/passwd"}},
        {"environment_id": "aws1", "regional_cred_verification_url": "https://evil.example"},
        {"certificate": {}},
    ],
)
async def test_a_token_comes_from_a_file_or_not_at_all(tmp_path: Path, source: dict[str, object]) -> None:
    """No URL is fetched and nothing is run because a configuration says so."""
    async with identified(environment(tmp_path)) as bench:
        configuration = bench.servers.external_account("", credential_source=source)
        with pytest.raises(AttemptFailedError, match="with a file as its source"):
            await bench.call(bench.upstream("GCP", {"source": "Federation"}), configuration)

        assert bench.servers.asked == []


@pytest.mark.parametrize("field", ["token_url", "service_account_impersonation_url"])
async def test_a_token_goes_to_google_or_not_at_all(tmp_path: Path, field: str) -> None:
    """Neither of the two URLs in a configuration may name a service of somebody else's."""
    async with identified(environment(tmp_path)) as bench:
        more: dict[str, Any] = {field: "https://storage.googleapis.com/upload/storage/v1/b/mine/o"}
        configuration = bench.servers.external_account(str(tmp_path / "token"), **more)
        with pytest.raises(AttemptFailedError, match="may not be shown to storage"):
            await bench.call(bench.upstream("GCP", {"source": "Federation"}), configuration)

        assert bench.servers.asked == []


@pytest.mark.parametrize("content", [b"secret", b"[]", b'{"other":"secret"}', b'{"id_token":1}', b'{"id_token":"a b"}'])
async def test_a_file_without_its_field_is_not_quoted(tmp_path: Path, content: bytes) -> None:
    """The message says that there is no token, and nothing of what there is."""
    (tmp_path / "f").write_bytes(content)
    form = {"type": "json", "subject_token_field_name": "id_token"}
    async with identified(environment(tmp_path)) as bench:
        source = {"file": str(tmp_path / "f"), "format": form}
        configuration = bench.servers.external_account("", credential_source=source)
        with pytest.raises(AttemptFailedError, match="subject token") as caught:
            await bench.call(bench.upstream("GCP", {"source": "Federation"}), configuration)

    assert "secret" not in str(caught.value)


async def test_a_service_account_that_may_not_be_taken_on_is_said(tmp_path: Path) -> None:
    """With Google's own word for it."""
    async with identified(environment(tmp_path)) as bench:
        configuration = json.loads(bench.servers.external_account(str(tmp_path / "token"), impersonate=True))
        url = configuration["service_account_impersonation_url"].replace("gateway@", "other@")
        configuration["service_account_impersonation_url"] = url
        with pytest.raises(AttemptFailedError, match=r"403 \(PERMISSION_DENIED\)"):
            await bench.call(bench.upstream("GCP", {"source": "Federation"}), json.dumps(configuration))
