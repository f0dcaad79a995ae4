"""Where an account's calls go: its base URL, and the path of each API that is spoken there."""

from sluice_operator.providers.row import CONVERSATIONS, DIALECTS, Dialect, Provider
from sluice_operator.resources import ProviderAccount

DEFAULT_LOCATION = "global"  # of Google Cloud


def base_url(account: ProviderAccount, row: Provider) -> str:
    """What paths are appended to, without a slash at its end; "" where nothing is called."""
    if account.base_url is None:
        said = row.elsewhere.get(account.location or DEFAULT_LOCATION, row.base_url)
        return _filled(said or "", account)
    whole = account.base_url.rstrip("/")
    return whole.removesuffix(max(filter(whole.endswith, row.tails), key=len, default=""))


def paths(account: ProviderAccount, row: Provider) -> dict[str, str]:
    """The path of everything that is spoken there, by endpoint, conversations in the order of preference."""
    return {endpoint: _filled(path, account) for endpoint, path in chosen(row, account.dialects).items()}


def chosen(row: Provider, dialects: tuple[Dialect, ...]) -> dict[str, str]:
    """The paths of *row*, with the conversations of *dialects* only, where any are said, and those it may add."""
    if not dialects:
        return dict(row.paths)
    mute = {endpoint for dialect, names in DIALECTS.items() if dialect not in dialects for endpoint in names}
    added = {
        endpoint: path
        for dialect in dialects
        if dialect not in row.dialects()
        for endpoint, path in row.wider.get(dialect, {}).items()
    }
    return {**{endpoint: path for endpoint, path in row.paths.items() if endpoint not in mute}, **added}


def conversations(spoken: dict[str, str]) -> tuple[str, ...]:
    """Those of the endpoints *spoken* that can be translated into each other, in their order."""
    return tuple(endpoint for endpoint in spoken if endpoint in CONVERSATIONS)


def _filled(template: str, account: ProviderAccount) -> str:
    """*template* with the account's parameters; what else stands in braces is the data plane's."""
    said = {
        "region": account.region or "",
        "project": account.project or "",
        "location": account.location or DEFAULT_LOCATION,
        "accountID": account.account_id or "",
    }
    for name, value in said.items():
        template = template.replace(f"{{{name}}}", value)
    return template
