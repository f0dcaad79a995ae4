"""Inventory → Compilation: the one place where it is decided what is served.  Pure.

One bad resource never takes a good one down: it falls out with a verdict, what depends on it says so in its
own verdict, and the rest is compiled.  The same inventory gives the same compilation, in whatever order it comes.

Read in this order; each file knows only those before it:

1. ``findings``      the words of verdicts: problems, and the conditions that say them
2. ``references``    names, label selectors, namespaces that admit each other
3. ``keys``          key ids, tokens, digests
4. ``places``        where an account's calls go, by its row of the provider table (``sluice_operator.providers``);
                     ``identities`` say who we are; ``upstreams`` joins both to accounts
5. ``rates``         prices by kind of token; ``pricebook`` are the built-in ones, ``pricelist`` the install's, and
                     ``pricing`` chooses between them and what manifests say
6. ``families``      what models can do, by name; ``capabilities`` joins that with what manifests say
   ``targets``       what serves one target; ``nesting`` and ``conflicts`` between models; ``models`` joins them
   ``passthrough``   other routes of providers, as models of their own
7. ``budgets``       Budgets, their parents and the models that they downgrade to (``downgrades``);
                     ``coverage`` says which of them hold for a key
8. ``credentials``   what proves a key; ``virtual_keys`` joins it with the rest
9. ``assemble``      the snapshot, sorted, and everything referred to

Four rules hold throughout.  Nothing unknown is open: a key whose Budget is missing, invalid, refused or without its
parent or downgrade model is served with ``missing_budgets``, by which the data plane refuses its calls.  Nothing
unknown is free: a price is said or looked up, never assumed.  Another namespace is neither spied on nor reached into:
"not there" and "not for you" are one answer, and nobody's Budget holds for a key elsewhere that did not ask for it.
And no secret leaves ``Snapshot.credentials``: not into a verdict, an exception or a repr.
"""

from collections import Counter
from dataclasses import dataclass

from sluice_contract.snapshot import Snapshot
from sluice_operator.compiler import assemble
from sluice_operator.compiler.budgets import budget_verdict, compile_budgets, unread_budgets
from sluice_operator.compiler.coverage import coverage, selections
from sluice_operator.compiler.credentials import Pending
from sluice_operator.compiler.findings import Problem, unseen
from sluice_operator.compiler.models import compile_models, model_verdict
from sluice_operator.compiler.pricelist import Conflict, merged
from sluice_operator.compiler.references import name_of, ref_of
from sluice_operator.compiler.targets import providers_of
from sluice_operator.compiler.upstreams import provider_account
from sluice_operator.compiler.virtual_keys import CompiledKey, compile_keys, key_verdict
from sluice_operator.inventory import Inventory, ObjectName
from sluice_operator.verdicts import ResourceRef, Verdict


@dataclass(frozen=True, slots=True)
class WantedSecret:
    """A generated key's Secret that is not there yet, or lacks its entry: the shell creates it and compiles again."""

    owner: ResourceRef
    secret: ObjectName
    entry: str  # the data key inside the Secret
    key_id: str


@dataclass(frozen=True, slots=True)
class Compilation:
    """What is served, what is to be said of each resource, and what the shell has to do.

    ``secret_refs`` and ``config_map_refs`` are all objects that any resource refers to, there or not, so that the
    shell knows what to fetch and watch.  ``next_change_ms`` is when compiling again would say something else
    although nothing changed (an expiry, an announced price), None if never.  ``conflicts`` are between price books.
    """

    snapshot: Snapshot
    verdicts: tuple[Verdict, ...]
    wanted_secrets: tuple[WantedSecret, ...]
    secret_refs: frozenset[ObjectName]
    config_map_refs: frozenset[ObjectName]
    next_change_ms: int | None
    conflicts: tuple[Conflict, ...] = ()


def compile_inventory(inventory: Inventory) -> Compilation:
    """Everything that holds together, one verdict per resource given (in the order of kind, namespace, name).

    No two resources of a kind may share a name, as no API server lets them.
    """
    accounts = {name_of(each): (each, provider_account(each, inventory)) for each in inventory.providers}
    price_list, conflicts = merged(inventory.price_books)
    models = compile_models(inventory, accounts, price_list)
    unread = unread_budgets(inventory.invalid)
    budgets = compile_budgets(inventory.budgets, unread, inventory.namespaces, models)
    selected = selections(inventory.keys, budgets, unread)
    coverages = {
        (name := name_of(key)): coverage(
            key, selected.get(name, ()), budgets=budgets, unread=unread, namespaces=inventory.namespaces
        )
        for key in inventory.keys
    }
    keys = compile_keys(inventory, coverages)
    subjects = Counter(name for each in coverages.values() for name, _ in each.budgets)
    users = Counter(provider for model in inventory.models for provider in providers_of(model, accounts, inventory))
    verdicts = [
        *(budget_verdict(budget, subjects=subjects[name]) for name, budget in budgets.items()),
        *(model_verdict(model) for model in models.values()),
        *(
            assemble.provider_verdict(each, accounts, used_by=users[name_of(each)], inventory=inventory)
            for each in inventory.providers
        ),
        *(key_verdict(key, now_ms=inventory.now_ms) for key in keys),
        *(
            Verdict(ref_of(each), unseen(each.kind, Problem("Invalid", each.message)), served=False)
            for each in inventory.invalid
        ),
    ]
    changes = assemble.changes_ms(inventory, models, keys)
    return Compilation(
        snapshot=assemble.assemble(
            inventory, accounts=accounts, compiled_models=models, compiled_budgets=budgets, compiled_keys=keys
        ),
        verdicts=tuple(sorted(verdicts, key=lambda verdict: _order(verdict.ref))),
        wanted_secrets=_wanted(keys, inventory.now_ms),
        secret_refs=frozenset(assemble.secret_refs(inventory)),
        config_map_refs=frozenset(assemble.config_map_refs(inventory)),
        next_change_ms=min((at for at in changes if at > inventory.now_ms), default=None),
        conflicts=conflicts,
    )


def _wanted(keys: list[CompiledKey], now_ms: int) -> tuple[WantedSecret, ...]:
    wanted = [
        WantedSecret(ref_of(key.resource), key.credential.entry.name, key.credential.entry.key, key.id)
        for key in keys
        if isinstance(key.credential, Pending) and key.refused is None and not key.expired(now_ms)
    ]
    return tuple(sorted(wanted, key=lambda each: _order(each.owner)))


def _order(ref: ResourceRef) -> tuple[str, str, str]:
    return ref.kind, ref.namespace, ref.name
