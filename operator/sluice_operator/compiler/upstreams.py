"""Provider accounts and Services → upstreams with their credentials.  A credential is never part of a message."""

import ssl
from dataclasses import dataclass, field

import msgspec

from sluice_contract.snapshot import Upstream
from sluice_operator.compiler.findings import Problem
from sluice_operator.compiler.keys import sendable, without_line_end
from sluice_operator.compiler.limits import compile_limits
from sluice_operator.compiler.pricelist import NO_OFFERS, Offer, Offers
from sluice_operator.compiler.providers import ECHO, PROVIDER_TYPES, SERVICE
from sluice_operator.compiler.references import Entry, name_of, short_id
from sluice_operator.inventory import Inventory, ObjectName
from sluice_operator.resources import ModelProvider, ProviderAccount
from sluice_operator.resources.model import ServiceRef


@dataclass(frozen=True, slots=True)
class Account:
    """One upstream that can be called: ``credential`` is its secret, None if it asks for none.

    ``offers`` are the account's own prices.  ``book`` is its provider in the built-in price book.
    """

    upstream: Upstream
    credential: str | None = field(default=None, repr=False)
    offers: Offers = NO_OFFERS
    book: str | None = None


def provider_account(provider: ModelProvider, inventory: Inventory) -> Account | tuple[Problem, ...]:
    """The account of a ModelProvider, or all that it lacks."""
    spec, name = provider.spec, name_of(provider)
    credential = _credential(spec, name.namespace, inventory)
    ca_pem = _ca_pem(provider, inventory)
    problems = tuple(found for found in (credential, ca_pem) if isinstance(found, Problem))
    if isinstance(credential, Problem) or isinstance(ca_pem, Problem):
        return problems
    id_ = short_id("up", "provider", name.namespace, name.name)
    upstream = msgspec.structs.replace(
        _upstream(id_, spec, home=name.namespace, ca_pem=ca_pem),
        limits=compile_limits(spec.limits),
        limits_id=provider.metadata.uid if spec.limits else "",
    )
    offers = {pattern: Offer(prices, f"ModelProvider {name}", "provider") for pattern, prices in spec.pricing.items()}
    return Account(upstream, credential, Offers.of(offers), PROVIDER_TYPES[spec.type].book)


def inline_account(
    account: ProviderAccount, *, model: ObjectName, target: str, inventory: Inventory
) -> Account | Problem:
    """The account that a target of *model* carries itself, or what it lacks."""
    credential = _credential(account, model.namespace, inventory)
    if isinstance(credential, Problem):
        return credential
    id_ = short_id("up", "inline", model.namespace, model.name, target)
    upstream = _upstream(id_, account, home=model.namespace, ca_pem=None)
    return Account(upstream, credential, book=PROVIDER_TYPES[account.type].book)


def service_account(service: ServiceRef, *, home: str) -> Account:
    """A Service of the namespace *home*, by its name in the cluster: private by nature, asked without a credential.

    Whether it is there is not looked at: a Service may come after its model, and the data plane tries anyway.
    """
    return Account(
        Upstream(
            id=short_id("up", "service", home, service.name, str(service.port)),
            type=SERVICE,
            provider_name=PROVIDER_TYPES[SERVICE].provider_name,
            base_url=f"http://{service.name}.{home}.svc:{service.port}/v1",
            allow_private_network=True,
        )
    )


def secret_entry(account: ProviderAccount, *, home: str) -> Entry | None:
    """The Secret entry that *account*, said in the namespace *home*, names; None if it names none."""
    if account.auth is None or account.auth.api_key is None:
        return None
    ref = account.auth.api_key.secret_ref
    return Entry("Secret", ObjectName(home, ref.name), ref.key)


def ca_entry(provider: ModelProvider) -> Entry | None:
    """The ConfigMap entry that holds *provider*'s certificate authority; None if it names none."""
    if provider.spec.tls is None:
        return None
    ref = provider.spec.tls.ca_config_map_ref
    return Entry("ConfigMap", ObjectName(provider.metadata.namespace, ref.name), ref.key)


def _upstream(id_: str, account: ProviderAccount, *, home: str, ca_pem: str | None) -> Upstream:
    row = PROVIDER_TYPES[account.type]
    entry = secret_entry(account, home=home)
    credential_id = None if entry is None else short_id("cred", home, entry.name.name, entry.key)
    return Upstream(
        id=id_,
        type=account.type,
        provider_name=row.provider_name,
        base_url="" if account.type == ECHO else (account.base_url or row.base_url or "").rstrip("/"),
        auth_header=None if credential_id is None else row.auth_header,
        auth_prefix="" if credential_id is None else row.auth_prefix,
        credential_id=credential_id,
        headers={name.lower(): value for name, value in account.headers.items()},
        allow_private_network=account.allow_private_network,
        ca_pem=ca_pem,
    )


def _credential(account: ProviderAccount, home: str, inventory: Inventory) -> str | Problem | None:
    entry = secret_entry(account, home=home)
    if entry is None:
        return None
    value = entry.read(inventory.secrets)
    if isinstance(value, Problem):
        return value
    secret = without_line_end(value)
    if not sendable(secret):
        return Problem("SecretInvalid", f"{entry}: should be 1 to 4096 visible ASCII characters without spaces.")
    return secret.decode("ascii")


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
