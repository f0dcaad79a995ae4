"""Provider accounts and Services as upstreams."""

from sluice_operator.compiler import Compilation
from unit.sluice_operator.compiler.world import compiled, finding

PROVIDER = """
kind: ModelProvider
metadata: {name: acct, namespace: platform}
spec:
  type: OpenAICompatible
  baseURL: https://llm.example.com/v1/
  auth: {type: APIKey, apiKey: {secretRef: {name: account, key: token}}}
---
"""
SECRET = """
kind: Secret
metadata: {name: account, namespace: platform}
data: {token: sk-upstream}
"""


def test_an_upstreams_id_does_not_change_with_its_content() -> None:
    """An account keeps its id, and with it its health and its connections, when its URL or headers change."""
    before = compiled(PROVIDER + SECRET)
    after = compiled(PROVIDER.replace("llm.example.com", "other.example.com") + SECRET)

    assert [each.id for each in before.snapshot.upstreams] == [each.id for each in after.snapshot.upstreams]


def test_a_base_url_ends_without_a_slash() -> None:
    """Paths are appended, so that one slash too many would be two."""
    (upstream,) = compiled(PROVIDER + SECRET).snapshot.upstreams

    assert upstream.base_url == "https://llm.example.com/v1"


def test_two_accounts_with_one_secret_share_its_credential() -> None:
    """A credential is known by where it stands, so that one Secret entry travels once."""
    twice = PROVIDER + PROVIDER.replace("acct", "other") + SECRET

    assert list(compiled(twice).snapshot.credentials.values.values()) == ["sk-upstream"]


def test_a_secret_prints_nowhere() -> None:
    """Neither the snapshot's credentials nor any verdict shows a provider's secret when printed."""
    compilation: Compilation = compiled(PROVIDER + SECRET)

    assert "sk-upstream" not in repr(compilation)


def test_a_header_in_a_secret_is_refused() -> None:
    """A secret with a line break in it would write headers of its own: it is not used and not quoted."""
    compilation = compiled(PROVIDER + SECRET.replace("sk-upstream", '"sk\\r\\nx-admin: 1"'))
    found = finding(compilation, "ModelProvider", "acct", "ResolvedRefs", namespace="platform")

    assert (found.reason, "x-admin" in found.message) == ("SecretInvalid", False)
    assert compilation.snapshot.upstreams == ()
