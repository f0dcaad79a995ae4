"""Provider accounts and Services → upstreams with their credentials.  A credential is never part of a message."""

import ssl
from dataclasses import dataclass, field

import msgspec

from sluice_contract.snapshot import Upstream
from sluice_operator.compiler.findings import Problem
from sluice_operator.compiler.identities import NOBODY, Said, entries, identify
from sluice_operator.compiler.limits import compile_limits
from sluice_operator.compiler.places import base_url, paths
from sluice_operator.compiler.pricelist import NO_OFFERS, Offer, Offers
from sluice_operator.compiler.references import Entry, name_of, short_id
from sluice_operator.inventory import Inventory, ObjectName
from sluice_operator.providers.row import Provider
from sluice_operator.providers.table import ECHO, PROVIDERS, SERVICE
from sluice_operator.resources import ModelProvider, ProviderAccount
from sluice_operator.resources.model import ServiceRef


@dataclass(frozen=True, slots=True)
class Account:
    """One upstream that can be called: ``credential`` is its secret, None if it asks for none.

    ``offers`` are the account's own prices.
    """

    upstream: Upstream
    credential: str | None = field(default=None, repr=False)
    offers: Offers = NO_OFFERS

    @property
    def row(self) -> Provider:
        """What the provider table says of its type."""
        return PROVIDERS[self.upstream.type]


def provider_account(provider: ModelProvider, inventory: Inventory) -> Account | tuple[Problem, ...]:
    """The account of a ModelProvider, or all that it lacks."""
    spec, name = provider.spec, name_of(provider)
    said = _said(spec, spec.type, name.namespace, inventory)
    ca_pem = _ca_pem(provider, inventory)
    problems = tuple(found for found in (said, ca_pem) if isinstance(found, Problem))
    if isinstance(said, Problem) or isinstance(ca_pem, Problem):
        return problems
    id_ = short_id("up", "provider", name.namespace, name.name)
    upstream = msgspec.structs.replace(
        _upstream(id_, spec, spec.type, said),
        ca_pem=ca_pem,
        limits=compile_limits(spec.limits),
        limits_id=provider.metadata.uid if spec.limits else "",
    )
    offers = {pattern: Offer(prices, f"ModelProvider {name}", "provider") for pattern, prices in spec.pricing.items()}
    return Account(upstream, said.credential, Offers.of(offers))


def inline_account(
    account: ProviderAccount, type_: str, *, model: ObjectName, target: str, inventory: Inventory
) -> Account | Problem:
    """The account of *type_* that a target of *model* carries itself, or what it lacks."""
    said = _said(account, type_, model.namespace, inventory)
    if isinstance(said, Problem):
        return said
    id_ = short_id("up", "inline", model.namespace, model.name, target)
    return Account(_upstream(id_, account, type_, said), said.credential)


def service_account(service: ServiceRef, *, home: str) -> Account:
    """A Service of the namespace *home*, by its name in the cluster: private by nature, asked without a credential.

    Whether it is there is not looked at: a Service may come after its model, and the data plane tries anyway.
    """
    account = ProviderAccount.model_construct(
        type=service.type,
        base_url=f"http://{service.name}.{home}.svc:{service.port}/v1",
        dialects=service.dialects,
        allow_private_network=True,
    )
    id_ = short_id("up", "service", home, service.name, str(service.port), *_reading(service))
    return Account(_upstream(id_, account, service.type, NOBODY))


def secret_entries(account: ProviderAccount, *, home: str) -> tuple[Entry, ...]:
    """The Secret entries that *account*, said in the namespace *home*, names."""
    return tuple(entries(account.auth, home=home).values())


def ca_entry(provider: ModelProvider) -> Entry | None:
    """The ConfigMap entry that holds *provider*'s certificate authority; None if it names none."""
    if provider.spec.tls is None:
        return None
    ref = provider.spec.tls.ca_config_map_ref
    return Entry("ConfigMap", ObjectName(provider.metadata.namespace, ref.name), ref.key)


def _reading(service: ServiceRef) -> tuple[str, ...]:
    """What tells two readings of one Service apart: two targets may take it for different servers."""
    if service.type == SERVICE and not service.dialects:
        return ()
    return (service.type, *sorted(service.dialects))


def _said(account: ProviderAccount, type_: str, home: str, inventory: Inventory) -> Said | Problem:
    return identify(account.auth, PROVIDERS[type_], region=account.region or "", home=home, inventory=inventory)


def _upstream(id_: str, account: ProviderAccount, type_: str, said: Said) -> Upstream:
    row = PROVIDERS[type_]
    return Upstream(
        id=id_,
        type=type_,
        provider_name=row.telemetry,
        base_url="" if type_ == ECHO else base_url(account, row),
        auth_header=said.auth_header,
        auth_prefix=said.auth_prefix,
        credential_id=said.credential_id,
        headers={name.lower(): value for name, value in account.headers.items()},
        allow_private_network=account.allow_private_network,
        paths=paths(account, row),
        quirks=tuple(sorted(row.quirks)),
        identity=said.identity,
    )


def _ca_pem(provider: ModelProvider, inventory: Inventory) -> str | Problem | None:
    entry = ca_entry(provider)
    if entry is None:
        return None
    value = entry.read(inventory.config_maps)
    if isinstance(value, Problem):
        return value
    try:
        text = value.decode("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)  # reads memory only
    except (UnicodeDecodeError, ValueError, ssl.SSLError):
        return Problem("ConfigMapInvalid", f"{entry}: is no PEM certificate.")
    return text
