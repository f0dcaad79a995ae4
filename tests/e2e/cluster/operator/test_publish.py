"""From ``kubectl apply`` to what every replica serves, and to what the status says of it."""

import base64
import hashlib

from sluice_contract import codec, names
from support.manifests import BUDGET, ECHO, openai
from support.operator import RELEASE, Install, condition, eventually, holds, part_of


def token_in(secret: dict[str, dict[str, str]] | None) -> bytes:
    """What a key's Secret holds."""
    return base64.b64decode((secret or {})["data"]["api-key"])


async def test_applied_resources_are_served_everywhere_and_say_so(install: Install) -> None:
    """A model, a key and a budget end in a Secret, in every replica's snapshot, and in Ready."""
    replicas = [await install.add_replica(), await install.add_replica()]
    tenant = install.tenant
    install.operator.start()
    await tenant.create("ModelDeployment", "chat", spec=ECHO)
    await tenant.create("Budget", "month", spec=BUDGET)
    await tenant.create("VirtualKey", "checkout", spec={"budgetRefs": [{"name": "month"}]})

    key = await eventually(lambda: tenant.get("VirtualKey", "checkout"), lambda it: holds(it, "Ready"))
    for kind, name in (("ModelDeployment", "chat"), ("Budget", "month")):
        await eventually(lambda kind=kind, name=name: tenant.get(kind, name), lambda it: holds(it, "Ready"))  # type: ignore[misc]
    secret = await tenant.get("Secret", "checkout-key")

    assert key is not None
    assert secret is not None
    digest = hashlib.sha256(token_in(secret)).hexdigest()
    served = [replica.key("checkout") for replica in replicas]
    assert key["status"]["programmed"]["current"] == key["status"]["programmed"]["total"] == 2
    assert [it.digests[0].hex for it in served if it] == [digest, digest]
    assert secret["metadata"]["ownerReferences"][0]["uid"] == key["metadata"]["uid"]
    assert secret["metadata"]["labels"]["sluice.dev/key-id"] == key["status"]["keyID"]


async def test_nothing_of_ours_stays_on_users_objects(install: Install) -> None:
    """No finalizer and no annotation is put on a resource, so that deleting it or its namespace never hangs."""
    await install.add_replica()
    install.operator.start()
    await install.tenant.create("VirtualKey", "plain", spec={})

    key = await eventually(lambda: install.tenant.get("VirtualKey", "plain"), lambda it: holds(it, "Ready"))

    assert key is not None
    assert key["metadata"].keys() & {"finalizers", "annotations"} == set()


async def test_the_plaintext_is_in_the_secret_alone(install: Install) -> None:
    """No compiled object, status, Event or log line holds the key or a provider's credential in the clear."""
    await install.add_replica()
    tenant, home = install.tenant, install.home
    await tenant.create("Secret", "account", stringData={"api-key": "canary-1f8e"})
    await tenant.create("ModelDeployment", "far", spec=openai("account"))
    await tenant.create("VirtualKey", "secretive", spec={})
    install.operator.start()
    await eventually(lambda: tenant.get("VirtualKey", "secretive"), lambda it: holds(it, "Ready"))
    token = token_in(await tenant.get("Secret", "secretive-key")).decode()

    said = [str(await tenant.items(kind)) for kind in ("VirtualKey", "ModelDeployment", "Event")]
    maps = [item for item in await home.items("ConfigMap") if names.LABEL_PART in item["metadata"].get("labels", {})]
    parts = [str(await part_of(home, part)) for part in codec.PARTS if part not in codec.SECRET_PARTS]
    log = install.operator.log.read_text()

    assert len(maps) == 3
    for text in (*said, *parts, str(maps), log):
        assert token not in text
        assert "canary-1f8e" not in text


async def test_a_secret_that_comes_later_is_taken_in(install: Install) -> None:
    """A model whose credential is missing says so and is served as soon as the Secret is there."""
    replica = await install.add_replica()
    tenant = install.tenant
    install.operator.start()
    await tenant.create("ModelDeployment", "far", spec=openai("account"))
    before = await eventually(
        lambda: tenant.get("ModelDeployment", "far"), lambda it: condition(it, "ResolvedRefs").get("status") == "False"
    )

    await tenant.create("Secret", "account", stringData={"api-key": "sk-upstream"})
    await eventually(lambda: tenant.get("ModelDeployment", "far"), lambda it: holds(it, "Ready", "ResolvedRefs"))

    assert "account" in condition(before, "ResolvedRefs")["message"]
    assert condition(before, "Ready")["status"] == "False"
    assert "sk-upstream" in replica.snapshot.credentials.values.values()


async def test_the_younger_of_two_says_who_was_first(install: Install) -> None:
    """Two resources that want one name: the older is served, the younger names it in its status and in an Event."""
    replica = await install.add_replica()
    tenant = install.tenant
    install.operator.start()
    await tenant.create("ModelDeployment", "older", spec={**ECHO, "modelName": "gpt"})
    await eventually(lambda: tenant.get("ModelDeployment", "older"), lambda it: holds(it, "Ready"))
    await tenant.create("ModelDeployment", "younger", spec={**ECHO, "modelName": "gpt"})

    loser = await eventually(
        lambda: tenant.get("ModelDeployment", "younger"), lambda it: condition(it, "Accepted").get("status") == "False"
    )
    events = await eventually(
        lambda: tenant.items("Event"), lambda items: any(item["reason"] == "Conflicted" for item in items)
    )

    assert condition(loser, "Accepted")["reason"] == "Conflicted"
    assert "older" in condition(loser, "Accepted")["message"]
    assert condition(loser, "Programmed")["status"] == "False"
    assert [model.resource for model in replica.snapshot.models] == ["older"]
    assert {(item["involvedObject"]["name"], item["reportingComponent"]) for item in events} >= {
        ("younger", names.MANAGED_BY)
    }


async def test_a_secret_that_is_not_ours_is_left_alone(install: Install) -> None:
    """A generated key never overwrites somebody else's Secret; the status says why there is no key."""
    await install.add_replica()
    tenant = install.tenant
    await tenant.create("Secret", "taken", stringData={"password": "theirs"})
    install.operator.start()
    await tenant.create("VirtualKey", "clash", spec={"generated": {"secretName": "taken"}})

    key = await eventually(
        lambda: tenant.get("VirtualKey", "clash"),
        lambda it: condition(it, "ResolvedRefs").get("reason") == "SecretNotOurs",
    )
    secret = await tenant.get("Secret", "taken")

    assert condition(key, "Ready")["status"] == "False"
    assert secret is not None
    assert secret["data"] == {"password": base64.b64encode(b"theirs").decode()}


async def test_a_deleted_key_secret_is_made_anew_with_another_key(install: Install) -> None:
    """Deleting a key's Secret ends that credential; the VirtualKey gets a new one under the same key id."""
    replica = await install.add_replica()
    tenant = install.tenant
    install.operator.start()
    await tenant.create("VirtualKey", "lost", spec={})
    before = await eventually(lambda: tenant.get("VirtualKey", "lost"), lambda it: holds(it, "Ready"))
    first = token_in(await tenant.get("Secret", "lost-key"))

    await tenant.delete("Secret", "lost-key")
    second = token_in(await eventually(lambda: tenant.get("Secret", "lost-key"), bool))
    digest = hashlib.sha256(second).hexdigest()

    async def served() -> str | None:
        key = replica.key("lost")
        return key.digests[0].hex if key else None

    assert first != second
    assert await eventually(served, lambda it: it == digest)
    after = await tenant.get("VirtualKey", "lost")
    assert before is not None
    assert after is not None
    assert after["status"]["keyID"] == before["status"]["keyID"]


async def test_a_damaged_compiled_object_is_repaired(install: Install) -> None:
    """What somebody else changes or deletes of the compiled objects is put right again."""
    await install.add_replica()
    install.operator.start()
    await install.tenant.create("ModelDeployment", "chat", spec=ECHO)
    await eventually(lambda: install.tenant.get("ModelDeployment", "chat"), lambda it: holds(it, "Ready"))
    whole = {part: await part_of(install.home, part) for part in (codec.MODELS, codec.INDEX)}

    await install.home.patch(
        "ConfigMap", names.object_name(RELEASE, codec.MODELS), {"binaryData": {names.PART_FIELD: "AAAA"}}
    )
    await install.home.delete("ConfigMap", names.object_name(RELEASE, codec.INDEX))

    for part, data in whole.items():
        await eventually(lambda part=part: part_of(install.home, part), lambda it, data=data: it == data)  # type: ignore[misc]


async def test_only_the_watched_namespaces_are_served(install: Install) -> None:
    """An operator that is given namespaces serves what is in them and nothing else."""
    replica = await install.add_replica()
    install.operator.environ["SLUICE_WATCH_NAMESPACES"] = install.tenant.namespace
    await install.home.create("ModelDeployment", "outside", spec=ECHO)
    install.operator.start()
    await install.tenant.create("ModelDeployment", "inside", spec=ECHO)
    await eventually(lambda: install.tenant.get("ModelDeployment", "inside"), lambda it: holds(it, "Ready"))

    await install.tenant.delete("ModelDeployment", "inside")

    async def served() -> list[str]:
        return [model.resource for model in replica.snapshot.models]

    assert await eventually(served, lambda it: it == []) == []
