"""A ModelProvider's other routes → one model of the snapshot, which no client can name and no manifest can take."""

from collections.abc import Iterator

from sluice_contract.money import parse_usd
from sluice_contract.snapshot import Model, Rates, Retry, Target
from sluice_operator.compiler.rates import versioned
from sluice_operator.compiler.references import admitted
from sluice_operator.compiler.targets import Accounts
from sluice_operator.compiler.upstreams import Account
from sluice_operator.inventory import Inventory, ObjectName
from sluice_operator.resources.passthrough import PassthroughPricing


def passthrough_name(provider: ObjectName) -> str:
    """The name of the model that stands for the routes of *provider*: public names begin otherwise."""
    return f"/passthrough/{provider}"


def passthrough_models(accounts: Accounts, inventory: Inventory) -> Iterator[Model]:
    """One for each ModelProvider that opens routes and can be called; whom it admits may call them.

    A call is tried once: nobody knows what a second one would do.
    """
    for name, (provider, account) in accounts.items():
        spec = provider.spec
        if spec.passthrough is None or not isinstance(account, Account):
            continue
        yield Model(
            name=passthrough_name(name),
            uid=provider.metadata.uid,
            namespace=name.namespace,
            resource=name.name,
            namespaces=admitted(spec.allowed_namespaces, home=name.namespace, namespaces=inventory.namespaces),
            targets=(_target(account, spec.passthrough.pricing),),
            retry=Retry(attempts=0),
            passthrough=tuple(sorted(spec.passthrough.paths)),
        )


def _target(account: Account, pricing: PassthroughPricing) -> Target:
    price = None
    if pricing.per_request is not None:
        price = versioned("provider", Rates(), request_nusd=parse_usd(pricing.per_request))
    return Target(name="provider", upstream_id=account.upstream.id, price=price, free=pricing.free)
