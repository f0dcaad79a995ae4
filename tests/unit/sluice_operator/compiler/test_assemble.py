"""Everything that resources refer to."""

from unit.sluice_operator.compiler.world import PEPPER, compiled

REFERRING = """
kind: ModelProvider
metadata: {name: acct, namespace: platform}
spec:
  type: OpenAICompatible
  baseURL: https://llm.example.com/v1
  auth: {type: APIKey, apiKey: {secretRef: {name: account, key: token}}}
  tls: {caConfigMapRef: {name: ca, key: ca.crt}}
---
kind: ModelDeployment
metadata: {name: chat}
spec:
  targets:
  - {name: t, provider: {type: OpenAI, auth: {type: APIKey, apiKey: {secretRef: {name: openai, key: api-key}}}}}
---
kind: VirtualKey
metadata: {name: generated}
spec: {}
---
kind: VirtualKey
metadata: {name: existing}
spec: {type: Existing, existing: {secretRef: {name: legacy, key: token}}}
"""


def test_every_secret_referred_to_is_listed_while_none_is_there() -> None:
    """The shell learns what to fetch from what is missing, so that nothing needs to be there first."""
    assert sorted(map(str, compiled(REFERRING).secret_refs)) == [
        "platform/account",
        "team-a/generated-key",
        "team-a/legacy",
        "team-a/openai",
    ]


def test_every_config_map_referred_to_is_listed() -> None:
    """The same for ConfigMaps."""
    assert sorted(map(str, compiled(REFERRING).config_map_refs)) == ["platform/ca"]


def test_the_pepper_travels_with_the_credentials() -> None:
    """The data plane needs the pepper to recompute digests; it goes where secrets go."""
    assert bytes.fromhex(compiled("").snapshot.credentials.pepper_hex) == PEPPER


def test_credentials_of_what_is_not_served_stay_at_home() -> None:
    """A secret that no upstream in force needs is not copied anywhere."""
    text = """
kind: ModelDeployment
metadata: {name: first}
spec: {modelName: chat, pricing: {free: true}, targets: [{name: t, provider: {type: Echo}}]}
---
kind: ModelDeployment
metadata: {name: second}
spec:
  modelName: chat
  pricing: {free: true}
  targets:
  - {name: t, provider: {type: OpenAI, auth: {type: APIKey, apiKey: {secretRef: {name: openai, key: api-key}}}}}
---
kind: Secret
metadata: {name: openai}
data: {api-key: sk-x}
"""
    assert dict(compiled(text).snapshot.credentials.values) == {}
