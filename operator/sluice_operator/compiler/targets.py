"""One target of a ModelDeployment: what serves it, or why nothing does."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from sluice_contract.snapshot import Target
from sluice_operator import resources
from sluice_operator.compiler.capabilities import capabilities
from sluice_operator.compiler.findings import Problem
from sluice_operator.compiler.limits import compile_limits
from sluice_operator.compiler.places import conversations
from sluice_operator.compiler.pricelist import PriceList
from sluice_operator.compiler.pricing import Quote, quote, upstream_names
from sluice_operator.compiler.references import admits, name_of, target_of
from sluice_operator.compiler.upstreams import Account, inline_account, service_account
from sluice_operator.inventory import Inventory, ObjectName
from sluice_operator.providers.row import spoken_by
from sluice_operator.providers.table import detected
from sluice_operator.resources import ModelDeployment, ModelProvider

Accounts = Mapping[ObjectName, tuple[ModelProvider, Account | tuple[Problem, ...]]]  # of every ModelProvider


@dataclass(frozen=True, slots=True)
class ServedTarget:
    """A target that can be called: by an account, or through the model ``nested``.

    ``quote`` None is unpriced; a nested target costs what its model costs.
    """

    target: Target
    account: Account | None = None
    nested: ObjectName | None = None
    quote: Quote | None = None


def public_names(model: ModelDeployment) -> tuple[str, ...]:
    """Every name clients may ask for, the model's own first."""
    return tuple(dict.fromkeys((model.public_name, *model.spec.aliases)))


def nested_target(target: resources.Target, model: ModelDeployment) -> ServedTarget:
    """*target* served by *model*."""
    return ServedTarget(_snapshot(target, model_ref=model.public_name), nested=name_of(model))


def direct_target(
    model: ModelDeployment,
    target: resources.Target,
    *,
    accounts: Accounts,
    inventory: Inventory,
    price_list: PriceList,
) -> ServedTarget | Problem:
    """*target* of *model* served by an upstream, or what it lacks."""
    type_, upstream_model = _meant(model, target)
    account = _account(model, target, type_, accounts, inventory)
    if isinstance(account, Problem):
        return about(target, account)
    names = upstream_names(public_names(model), upstream_model)
    found = quote(account, names, own=model.spec.pricing, now_ms=inventory.now_ms, price_list=price_list)
    served = msgspec.structs.replace(
        _snapshot(target, found=found),
        upstream_id=account.upstream.id,
        model=upstream_model or "",
        speaks=_speaks(account, names),
    )
    # A Service is a server of one's own, whatever it speaks.
    row = account.row if target.service_ref is None else dataclasses.replace(account.row, own=True)
    able = capabilities(row, names, model.spec.capabilities)
    if able != served.capabilities:  # the default itself is left out of the bytes
        served = msgspec.structs.replace(served, capabilities=able)
    return ServedTarget(served, account, quote=found)


def providers_of(model: ModelDeployment, accounts: Accounts, inventory: Inventory) -> frozenset[ObjectName]:
    """The ModelProviders that *model* refers to and that admit it."""
    refs = (target.provider_ref for target in model.spec.targets)
    wanted = {target_of(ref, home=model.metadata.namespace) for ref in refs if ref is not None}
    return frozenset(name for name in wanted if _may_use(model, name, accounts, inventory))


def about(target: resources.Target, problem: Problem) -> Problem:
    """*problem*, said of *target*."""
    return Problem(problem.reason, f"Target {target.name}: {problem.message}")


def _meant(model: ModelDeployment, target: resources.Target) -> tuple[str | None, str | None]:
    """The type of the provider that the target carries, None if it cannot be told; and the provider's name of the
    model, None if that is the one that clients ask for.

    Without a type the name tells it, and a prefix that does is no part of what the provider is asked for.
    """
    if target.provider is None or target.provider.type is not None:
        return None if target.provider is None else target.provider.type, target.model
    names = public_names(model) if target.model is None else (target.model,)
    if target.model is None and names[0].endswith("*"):  # the data plane takes the prefix off, see upstream_names
        each = [detected(name) for name in names]
        types = {found[0] for found in each if found is not None}
        asked = tuple(dict.fromkeys(found[1] for found in each if found is not None))
        alike = len(types) == 1 and None not in each and asked == upstream_names(names, None)
        return (types.pop() if alike else None), None
    found = detected(names[0])
    if found is None:
        return None, target.model
    return found[0], found[1] if found[1] != names[0] else target.model


def _speaks(account: Account, names: tuple[str, ...]) -> tuple[str, ...]:
    spoken = conversations(account.upstream.paths)
    if len(spoken) < 2:
        return ()
    first, *others = (spoken_by(account.row, name, spoken) for name in names)
    return first if all(each == first for each in others) else spoken


def _account(
    model: ModelDeployment, target: resources.Target, type_: str | None, accounts: Accounts, inventory: Inventory
) -> Account | Problem:
    name = name_of(model)
    if target.provider is not None:
        if type_ is None:
            message = "The name of the model does not tell whose it is: give the provider a type."
            return Problem("ProviderUnknown", message)
        return inline_account(target.provider, type_, model=name, target=target.name, inventory=inventory)
    if target.service_ref is not None:
        return service_account(target.service_ref, home=name.namespace)
    if target.provider_ref is None:
        return Problem("Invalid", "It names nothing that could serve it.")
    wanted = target_of(target.provider_ref, home=name.namespace)
    if not _may_use(model, wanted, accounts, inventory):
        # One answer for both, so that nobody can find out what other namespaces hold.
        message = f"ModelProvider {wanted} does not exist, or does not admit the namespace {name.namespace}."
        return Problem("ProviderNotFound", message)
    account = accounts[wanted][1]
    if isinstance(account, Account):
        return account
    if wanted.namespace != name.namespace:  # the names of another namespace's Secrets are not ours to tell
        return Problem(account[0].reason, f"ModelProvider {wanted} lacks something; its own status says what.")
    return Problem(account[0].reason, f"ModelProvider {wanted}: {account[0].message}")


def _may_use(model: ModelDeployment, provider: ObjectName, accounts: Accounts, inventory: Inventory) -> bool:
    return provider in accounts and admits(
        accounts[provider][0].spec.allowed_namespaces,
        home=provider.namespace,
        guest=model.metadata.namespace,
        namespaces=inventory.namespaces,
    )


def _snapshot(
    target: resources.Target,
    *,
    model_ref: str | None = None,
    found: Quote | None = None,
) -> Target:
    return Target(
        name=target.name,
        model_ref=model_ref,
        weight=target.weight,
        priority=target.priority,
        max_concurrency=target.max_concurrency,
        limits=compile_limits(target.limits),
        price=None if found is None else found.price,
        free=found is not None and found.price is None,
    )
