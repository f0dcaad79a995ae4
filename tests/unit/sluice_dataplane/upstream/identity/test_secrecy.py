"""No token, key or assertion is in any log line, exception or representation, whatever the services say."""

import json
import logging
import traceback
from pathlib import Path

import pytest

from sluice_dataplane.upstream.identity.grants import Bearer, SigningKeys
from sluice_dataplane.upstream.seam import AttemptFailedError
from support.identities import REQUEST, Bench, identified
from support.identity_cases import CASES, Case, environment
from support.token_servers import ACCESS_KEY, SECRETS, Fault

# Each repeats all that it was sent, in every place that a client might quote.
TALKATIVE = {
    "oauth-error": Fault(400, b'{"error":"{asked}","error_description":"{asked}"}'),
    "text": Fault(401, b"{asked}"),
    "xml": Fault(403, b"<Error><Code>{asked}</Code><Message>{asked}</Message></Error>"),
    "token-that-cannot-be-sent": Fault(200, b'{"access_token":"\\r\\n{asked}","token_type":"{asked}"}'),
    "no-json": Fault(200, b"{asked}"),
    "wrong-type": Fault(200, b'{"access_token":["{asked}"]}'),
    "redirect": Fault(307, b"{asked}", "http://127.0.0.1:9/{asked}"),
}


def _forms(secret: str) -> tuple[str, ...]:
    """A secret as it is, and as a form, JSON or Basic would have it."""
    return (secret, json.dumps(secret)[1:-1], secret.replace("/", "%2F").replace("+", "%2B")[:24])


async def _provoked(bench: Bench, case: Case, folder: Path) -> str:
    """Everything that can be read of calls of *case*: errors with their causes, and what was logged is elsewhere."""
    upstream = bench.upstream(case.kind, case.params)
    read = []
    for _ in range(2):
        try:
            proof = await bench.identities.prove(upstream, REQUEST, case.secret(bench, folder))
            read += [repr(proof), repr(proof.grant), repr(proof.grant.what)]
        except AttemptFailedError as error:
            read += traceback.format_exception(error)
        bench.clock.passed_s += 60
    read += [repr(vars(bench.identities)), repr([vars(kept.keeper) for kept in bench.identities._kept.values()])]
    return "".join(read)


@pytest.mark.parametrize("fault", [None, *TALKATIVE])
@pytest.mark.parametrize("name", CASES)
async def test_no_secret_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, fault: str | None
) -> None:
    """Neither when all goes well nor when a service repeats what it was sent."""
    case = CASES[name]
    async with identified(environment(tmp_path)) as bench:
        if fault is not None:
            bench.servers.faults.extend([TALKATIVE[fault]] * 4)
        with caplog.at_level(logging.DEBUG):
            told = await _provoked(bench, case, tmp_path)
        issued = bench.servers.issued
    told += "".join(str(vars(record)) for record in caplog.records if record.name.startswith("sluice"))
    secrets = [form for secret in (*SECRETS, "-----BEGIN", "eyJ", *issued) for form in _forms(secret)]

    assert [secret for secret in secrets if secret in told] == []
    assert (ACCESS_KEY in told) is False


def test_values_do_not_show_what_they_hold() -> None:
    """Also not inside of others, as a debugger or an assertion would show them."""
    assert "secret" not in repr([Bearer("secret"), SigningKeys("secret", "secret", "secret")])
