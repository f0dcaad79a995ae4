"""Joins the compiled parts into the snapshot, and lists all that the compiled resources refer to."""

from collections.abc import Iterable, Iterator

from sluice_contract.snapshot import Credentials, Key, Snapshot
from sluice_operator.compiler import budgets, models
from sluice_operator.compiler.credentials import secret_entry as key_entry
from sluice_operator.compiler.findings import accepted, resolved
from sluice_operator.compiler.moments import to_ms
from sluice_operator.compiler.passthrough import passthrough_models
from sluice_operator.compiler.references import ref_of
from sluice_operator.compiler.targets import Accounts
from sluice_operator.compiler.upstreams import Account, ca_entry, secret_entries
from sluice_operator.compiler.virtual_keys import CompiledKey, snapshot_key
from sluice_operator.inventory import Inventory, ObjectName
from sluice_operator.resources import ModelProvider
from sluice_operator.verdicts import Verdict


def assemble(
    inventory: Inventory,
    *,
    accounts: Accounts,
    compiled_models: models.Compiled,
    compiled_budgets: budgets.Compiled,
    compiled_keys: Iterable[CompiledKey],
) -> Snapshot:
    """Everything in force, sorted by name or id, whatever order it came in."""
    in_force = [model for model in compiled_models.values() if model.in_force]
    used = {account.upstream.id: account for account in _accounts(accounts, in_force)}
    held = [budget for budget in compiled_budgets.values() if budget.refused is None]
    ids = {name: budget.resource.metadata.uid for name, budget in compiled_budgets.items()}
    keys: list[Key] = [snapshot_key(key, ids) for key in compiled_keys if key.in_force]
    served = [models.snapshot_model(model, inventory) for model in in_force]
    return Snapshot(
        models=tuple(
            sorted((*served, *passthrough_models(accounts, inventory)), key=lambda model: model.name),
        ),
        upstreams=tuple(used[id_].upstream for id_ in sorted(used)),
        budgets=tuple(
            sorted((budgets.snapshot_budget(budget, compiled_budgets) for budget in held), key=lambda budget: budget.id)
        ),
        keys=tuple(sorted(keys, key=lambda key: key.id)),
        credentials=Credentials(
            values={
                account.upstream.credential_id: account.credential
                for _, account in sorted(used.items())
                if account.upstream.credential_id is not None and account.credential is not None
            },
            pepper_hex=inventory.pepper.hex(),
        ),
    )


def provider_verdict(provider: ModelProvider, accounts: Accounts, *, used_by: int, inventory: Inventory) -> Verdict:
    """What is to be said of a ModelProvider that *used_by* models name; it is served whether one does or not."""
    name = ObjectName(provider.metadata.namespace, provider.metadata.name)
    account = accounts[name][1]
    problems = () if isinstance(account, Account) else account
    names = {entry.name for entry in secret_entries(provider.spec, home=name.namespace)}
    versions = [inventory.secrets[each].version for each in sorted(names, key=str) if each in inventory.secrets]
    return Verdict(
        ref=ref_of(provider),
        findings=(accepted(), resolved(problems)),
        served=isinstance(account, Account),
        fields={"usedBy": used_by, **({"secretVersion": ",".join(versions)} if versions else {})},
    )


def secret_refs(inventory: Inventory) -> Iterator[ObjectName]:
    """Every Secret that a resource refers to, there or not."""
    providers = (
        entry for each in inventory.providers for entry in secret_entries(each.spec, home=each.metadata.namespace)
    )
    inline = (
        entry
        for model in inventory.models
        for target in model.spec.targets
        if target.provider is not None
        for entry in secret_entries(target.provider, home=model.metadata.namespace)
    )
    keys = map(key_entry, inventory.keys)
    yield from (entry.name for entry in (*providers, *inline, *keys) if entry is not None)


def config_map_refs(inventory: Inventory) -> Iterator[ObjectName]:
    """Every ConfigMap that a resource refers to, there or not."""
    yield from (entry.name for entry in map(ca_entry, inventory.providers) if entry is not None)


def changes_ms(
    inventory: Inventory, compiled_models: models.Compiled, compiled_keys: Iterable[CompiledKey]
) -> Iterator[int]:
    """Every known moment, past or to come, from which on something else is to be said though nothing changed."""
    for key in compiled_keys:
        if key.expires_at_ms is not None:
            yield key.expires_at_ms
    for budget in inventory.budgets:
        for adjustment in budget.spec.adjustments:
            if adjustment.expires_at is not None:
                yield to_ms(adjustment.expires_at)
    for model in compiled_models.values():
        for target in model.served:
            if target.quote is not None and target.quote.next_change_ms is not None:
                yield target.quote.next_change_ms


def _accounts(accounts: Accounts, in_force: Iterable[models.CompiledModel]) -> Iterator[Account]:
    for _, account in accounts.values():
        if isinstance(account, Account):
            yield account
    for model in in_force:
        for target in model.served:
            if target.account is not None:
                yield target.account
