"""Everything that resources refer to."""

from sluice_contract.snapshot import Target
from sluice_operator.compiler.assemble import changes_ms
from sluice_operator.compiler.models import CompiledModel
from sluice_operator.compiler.pricing import Quote
from sluice_operator.compiler.targets import ServedTarget
from sluice_operator.inventory import Inventory, ObjectName
from unit.sluice_operator.compiler.world import NOW_MS, PEPPER, compiled, documents_of, inventory_of

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


def test_an_announced_price_is_a_moment_to_look_again() -> None:
    """A price that the book announces changes what is charged though nobody touches a resource."""
    model = inventory_of(documents_of(REFERRING)).models[0]
    target = ServedTarget(Target(name="t"), quote=Quote(None, "the book", next_change_ms=NOW_MS + 1))
    compiled_model = CompiledModel(model, (target,), (), None, 0, 1, ())

    assert list(changes_ms(Inventory(), {ObjectName("team-a", "chat"): compiled_model}, ())) == [NOW_MS + 1]
