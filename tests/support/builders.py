"""Small snapshots for tests: each builder gives a valid whole with one thing to vary."""

import hashlib
from typing import Any

from sluice_contract.snapshot import Budget, Digest, Key, Model, Price, Snapshot, Target, Upstream
from sluice_contract.windows import Period
from sluice_dataplane.config.table import Table
from sluice_dataplane.exchange import Endpoint, Exchange, Headers

SECRET = "sk-vktest-secret"
NOW_MS = 1_790_000_000_000  # 2026-09-21T…Z
PRICE = Price(version="p1", input_nusd_per_mtok=150_000_000, output_nusd_per_mtok=600_000_000)


def digest_of(secret: str, **fields: Any) -> Digest:
    """The digest that proves *secret*."""
    return Digest(id="c1", algorithm="sha256", hex=hashlib.sha256(secret.encode()).hexdigest(), **fields)


def key(**fields: Any) -> Key:
    """A key in namespace ``team`` that SECRET proves."""
    base: dict[str, Any] = {"id": "vktest", "namespace": "team", "name": "app", "digests": (digest_of(SECRET),)}
    return Key(**{**base, **fields})


def upstream(**fields: Any) -> Upstream:
    """An Echo upstream."""
    return Upstream(**{"id": "up", "type": "Echo", "provider_name": "echo", **fields})


def model(name: str = "echo", **fields: Any) -> Model:
    """A model with one priced target on the Echo upstream."""
    base: dict[str, Any] = {
        "name": name,
        "uid": f"uid-{name}",
        "namespace": "platform",
        "resource": "echo",
        "targets": (Target(name="t", upstream_id="up", model="m", price=PRICE),),
    }
    return Model(**{**base, **fields})


def budget(**fields: Any) -> Budget:
    """One USD a month."""
    base: dict[str, Any] = {
        "id": "bud1",
        "namespace": "team",
        "name": "month",
        "unit": "Cost",
        "amount": 1_000_000_000,
        "period": Period(unit="Month"),
    }
    return Budget(**{**base, **fields})


def table(*, revision: str = "r1", **parts: Any) -> Table:
    """The table of one model, one upstream and one key, unless *parts* says otherwise."""
    base: dict[str, Any] = {"models": (model(),), "upstreams": (upstream(),), "keys": (key(),)}
    return Table.build(Snapshot(**{**base, **parts}), revision=revision)


def exchange(
    body: bytes = b'{"model":"echo","messages":[{"role":"user","content":"hi"}]}',
    *,
    of: Table | None = None,
    endpoint: Endpoint = "chat",
    headers: Headers = (("authorization", f"Bearer {SECRET}"),),
    client_address: str = "10.0.0.7",
    id_: str = "req_1",
) -> Exchange:
    """A chat call with SECRET."""
    return Exchange(
        id=id_,
        endpoint=endpoint,
        table=of or table(),
        arrived_ms=NOW_MS,
        started_ms=0.0,
        headers=headers,
        body=body,
        client_address=client_address,
    )
