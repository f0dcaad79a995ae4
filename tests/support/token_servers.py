"""Token services of several clouds, as they behave towards a client that is right and one that is not.

One real HTTP server on a loopback port plays them all, by path.  Each checks what the real one checks: an assertion's
signature with the public key, AWS's signature with the secret, grant types, the federated token, the metadata header.
What does not hold gets the real one's refusal.  ::

    async with TokenServers(wall_s) as servers:
        servers.url            # http://127.0.0.1:<port>
        servers.asked          # the paths asked for, in order
        servers.issued         # every token that was given out
        servers.faults.append(Fault(503, b"..."))    # instead of the next answer
        servers.gate.clear()   # answers wait until it is set

It also plays a provider: ``/v1/chat`` answers 200 to the tokens in ``accepted`` and to requests signed with them.
"""

import asyncio
import base64
import json
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import unquote_plus

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from support.sigv4_check import signed_by

CLIENT_ID, CLIENT_SECRET = "client+1", "s3cret/with:signs&more+50%41"
ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI+bPxRfiCYEXAMPLEKEY"
POD_TOKEN = "pod.projected.token"
AGENT_TOKEN = "agent-token"
ROLE = "arn:aws:iam::123456789012:role/models"
TENANT = "11111111-2222-3333-4444-555555555555"
ACCOUNT = "gateway@project.iam.gserviceaccount.com"
AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k"
PRIVATE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE_PEM = PRIVATE_KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
SECRETS = (CLIENT_SECRET, SECRET_KEY, POD_TOKEN, AGENT_TOKEN, PRIVATE_PEM.splitlines()[3])

ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Fault(NamedTuple):
    """Instead of an answer; ``{asked}`` in the body stands for all that was sent."""

    status: int
    body: bytes = b""
    location: str = ""


class TokenServers:
    """The server; an async context manager."""

    def __init__(self, wall_s: Callable[[], float]) -> None:
        self._wall_s = wall_s
        self.asked: list[str] = []
        self.queries: list[str] = []
        self.seen: list[dict[str, str]] = []  # the headers of each call of the provider that it plays
        self.issued: list[str] = []
        self.accepted: set[str] | None = None  # tokens the provider takes; None: the newest
        self.faults: deque[Fault] = deque()
        self.provider_faults: deque[Fault] = deque()
        self.gate = asyncio.Event()
        self.gate.set()
        self.lives_s: object = 3600
        self.client_ids = {CLIENT_ID}
        self.client_secrets = {CLIENT_SECRET}
        self._keys: dict[str, tuple[str, str]] = {}  # access key → secret and session token
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/oauth/token", self._token(self._client_credentials))
        app.router.add_post(f"/{TENANT}/oauth2/v2.0/token", self._token(self._entra))
        app.router.add_post("/google/token", self._token(self._service_account))
        app.router.add_post("/sts/v1/token", self._token(self._exchange))
        app.router.add_post("/accounts/{account}:generateAccessToken", self._token(self._impersonate))
        app.router.add_get("/computeMetadata/v1/instance/service-accounts/default/token", self._token(self._metadata))
        app.router.add_post("/aws", self._token(self._aws))
        app.router.add_get("/v1/credentials", self._token(self._container))
        app.router.add_post("/v1/{tail:.*}", self._provider)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        self.gate.set()
        await self._runner.cleanup()

    def service_account(self) -> str:
        """A service account's JSON key whose tokens are given out here."""
        return json.dumps(
            {
                "type": "service_account",
                "client_email": ACCOUNT,
                "private_key": PRIVATE_PEM,
                "private_key_id": "key-1",
                "token_uri": f"{self.url}/google/token",
            }
        )

    def external_account(self, file: str, *, impersonate: bool = False, **more: Any) -> str:
        """The configuration of a workload whose token is in *file*."""
        impersonation = f"{self.url}/accounts/{ACCOUNT}:generateAccessToken"
        return json.dumps(
            {
                "type": "external_account",
                "audience": AUDIENCE,
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "token_url": f"{self.url}/sts/v1/token",
                "credential_source": {"file": file},
                **({"service_account_impersonation_url": impersonation} if impersonate else {}),
                **more,
            }
        )

    def _token(self, answer: Any) -> Any:
        async def handle(request: web.Request) -> web.Response:
            self.asked.append(request.path)
            self.queries.append(request.query_string)
            body = await request.read()
            await self.gate.wait()
            if self.faults:
                return _faulty(self.faults.popleft(), request, body)
            response: web.Response = await answer(request, body)
            return response

        return handle

    def _issue(self) -> str:
        self.issued.append(f"tok-{len(self.issued) + 1}")
        return self.issued[-1]

    def _granted(self, **headers: str) -> web.Response:
        fields: dict[str, object] = {"access_token": self._issue(), "token_type": "Bearer"}
        if self.lives_s is not None:
            fields["expires_in"] = self.lives_s
        return web.json_response(fields, headers=headers)

    async def _client_credentials(self, request: web.Request, body: bytes) -> web.Response:
        form = await request.post()
        client, secret = form.get("client_id"), form.get("client_secret")
        if "authorization" in request.headers:
            text = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
            assert not client, "two ways to say who asks"
            client, secret = (unquote_plus(part) for part in text.split(":", 1))
        if form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        if client not in self.client_ids or secret not in self.client_secrets:
            return web.json_response({"error": "invalid_client"}, status=401)
        return self._granted()

    async def _entra(self, request: web.Request, body: bytes) -> web.Response:
        form = await request.post()
        by_secret = form.get("client_secret") == CLIENT_SECRET
        by_assertion = (form.get("client_assertion_type"), form.get("client_assertion")) == (_ASSERTION, POD_TOKEN)
        good = form.get("grant_type") == "client_credentials" and form.get("client_id") in self.client_ids
        if not good or by_secret == by_assertion or not str(form.get("scope", "")).endswith("/.default"):
            refusal = {"error": "invalid_client", "error_description": str(form), "error_codes": [7000215]}
            return web.json_response(refusal, status=401)
        return self._granted()

    async def _service_account(self, request: web.Request, body: bytes) -> web.Response:
        form = await request.post()
        content, _, signature = str(form.get("assertion", "")).rpartition(".")
        try:
            PRIVATE_KEY.public_key().verify(_unpadded(signature), content.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return web.json_response({"error": "invalid_grant"}, status=400)
        header, claims = (json.loads(_unpadded(part)) for part in content.split("."))
        now = self._wall_s()
        good = (
            form.get("grant_type") == _JWT_BEARER
            and header == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
            and (claims["iss"], claims["aud"]) == (ACCOUNT, f"{self.url}/google/token")
            and claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
            and now - 60 < claims["iat"] <= now + 60
            and claims["exp"] - claims["iat"] <= 3600
        )
        return self._granted() if good else web.json_response({"error": "invalid_grant"}, status=400)

    async def _exchange(self, request: web.Request, body: bytes) -> web.Response:
        form = await request.post()
        wanted = {
            "grant_type": _EXCHANGE,
            "audience": AUDIENCE,
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token": POD_TOKEN,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        }
        return self._granted() if dict(form) == wanted else web.json_response({"error": "invalid_target"}, status=400)

    async def _impersonate(self, request: web.Request, body: bytes) -> web.Response:
        wanted = {"scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "3600s"}
        good = request.headers.get("authorization") == f"Bearer {self.issued[-1]}" and json.loads(body) == wanted
        if not good or request.match_info["account"] != ACCOUNT:
            return web.json_response({"error": {"code": 403, "status": "PERMISSION_DENIED"}}, status=403)
        return web.json_response({"accessToken": self._issue(), "expireTime": self._ends()})

    async def _metadata(self, request: web.Request, body: bytes) -> web.Response:
        if request.headers.get("metadata-flavor") != "Google":
            return web.Response(status=403)
        return self._granted(**{"Metadata-Flavor": "Google"})

    async def _aws(self, request: web.Request, body: bytes) -> web.Response:
        form = await request.post()
        good = (form.get("Version"), form.get("RoleArn"), form.get("RoleSessionName")) == ("2011-06-15", ROLE, "sluice")
        if form.get("Action") == "AssumeRoleWithWebIdentity":
            good = good and form.get("WebIdentityToken") == POD_TOKEN and "authorization" not in request.headers
        else:
            headers = {name.lower(): value for name, value in request.headers.items()}
            good = (
                good and form.get("Action") == "AssumeRole" and self.signer(request, headers, body, "sts") is not None
            )
        if not good:
            told = f"<Error><Code>AccessDenied</Code><Message>{body.decode()}</Message></Error>"
            return web.Response(status=403, text=f"<ErrorResponse>{told}</ErrorResponse>")
        key, secret, token = self._new_keys()
        text = (
            "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>{key}</AccessKeyId>\n<SecretAccessKey>{secret}</SecretAccessKey>"
            f"<SessionToken>{token}</SessionToken><Expiration>{self._ends()}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )
        return web.Response(text=text, content_type="text/xml")

    async def _container(self, request: web.Request, body: bytes) -> web.Response:
        if request.headers.get("authorization") != AGENT_TOKEN:
            return web.Response(status=401)
        key, secret, token = self._new_keys()
        fields = {"AccessKeyId": key, "SecretAccessKey": secret, "Token": token, "Expiration": self._ends()}
        return web.json_response({**fields, "AccountId": "123456789012"})

    def _new_keys(self) -> tuple[str, str, str]:
        token = self._issue()
        key, secret = f"ASIA{len(self.issued)}", f"secret-of-{token}"
        self._keys[key] = (secret, token)
        return key, secret, token

    def _ends(self) -> str:
        assert isinstance(self.lives_s, int)
        return datetime.fromtimestamp(self._wall_s() + self.lives_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def signer(self, request: web.Request, headers: dict[str, str], body: bytes, service: str) -> str | None:
        """The access key or session token that signed a request for *service*; None where nobody known did."""
        known = {ACCESS_KEY: (SECRET_KEY, ""), **self._keys}
        for key, (secret, token) in known.items():
            found = signed_by(request.method, request.raw_path, headers, body, secret)
            if found is not None and found[0] == key and found[1].endswith(f"/us-east-1/{service}/aws4_request"):
                return (token or key) if headers.get("x-amz-security-token", "") == token else None
        return None

    async def _provider(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(headers)
        if self.provider_faults:
            return _faulty(self.provider_faults.popleft(), request, body)
        token: str | None = headers.get("authorization", "").removeprefix("Bearer ")
        if headers.get("authorization", "").startswith("AWS4"):
            token = self.signer(request, headers, body, "bedrock")
        accepted = self.accepted if self.accepted is not None else {*self.issued[-1:], ACCESS_KEY}
        return web.json_response(ANSWER) if token in accepted else web.json_response({}, status=401)


def _faulty(fault: Fault, request: web.Request, body: bytes) -> web.Response:
    sent = body + b" " + " ".join(f"{name}={value}" for name, value in request.headers.items()).encode()
    headers = {"location": fault.location} if fault.location else {}
    return web.Response(status=fault.status, body=fault.body.replace(b"{asked}", sent), headers=headers)


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
