"""The rights that the chart gives are enough for everything the operator does."""

from pathlib import Path

import httpx
import pytest
import yaml

from sluice_contract import names
from support.apiserver import ApiServer
from support.helm import objects
from support.manifests import BUDGET, openai
from support.operator import Api, Install, Replica, eventually, holds

HOME = "gateways"  # where the chart is rendered for
ACCOUNT = "sluice-operator"
GRANTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


def _kubeconfig_of(server: ApiServer, path: Path) -> Path:
    """A kubeconfig of the operator's ServiceAccount."""
    token = server.ask("create", "token", ACCOUNT, "--namespace", HOME).strip()
    path.write_text(server.kubeconfig.read_text().replace(server.token, token))
    return path


@pytest.mark.parametrize("cluster_wide", [True, False])
async def test_the_charts_rights_are_enough(
    install: Install, api_server: ApiServer, admin: httpx.AsyncClient, tmp_path: Path, cluster_wide: bool
) -> None:
    """With the ServiceAccount of the chart everything comes to Ready, and the API server refuses nothing."""
    server, tenant = api_server, install.tenant
    server.run("create", "namespace", HOME)
    rendered = objects({} if cluster_wide else {"watchNamespaces": [tenant.namespace]})
    granted = [each for each in rendered if each["kind"] in GRANTS]
    for each in granted:
        if not each["kind"].startswith("Cluster"):
            each["metadata"].setdefault("namespace", HOME)
    grants = yaml.safe_dump_all(granted)
    server.ask("apply", "--filename=-", stdin=grants)
    install.operator.environ["KUBECONFIG"] = str(_kubeconfig_of(server, tmp_path / "kubeconfig"))
    install.operator.environ["SLUICE_NAMESPACE"] = HOME
    if not cluster_wide:
        install.operator.environ["SLUICE_WATCH_NAMESPACES"] = tenant.namespace
    port = int(install.operator.environ["SLUICE_ADMIN_PORT"])
    try:
        async with Replica(Api(admin, HOME), address="127.0.0.9", port=port).running():
            install.operator.start()
            home = Api(admin, HOME)
            metadata = {"labels": {names.LABEL_PRICE_BOOK: "true"}}
            book = await home.create(
                "ConfigMap", "prices", metadata=metadata, data={"prices.yaml": "- {provider: Acme}"}
            )
            await tenant.create("Secret", "account", stringData={"api-key": "sk-up"})
            await tenant.create("ModelDeployment", "far", spec=openai("account"))
            await tenant.create("Budget", "month", spec=BUDGET)
            await tenant.create("VirtualKey", "payer", spec={"budgetRefs": [{"name": "month"}]})
            for kind, name in (("ModelDeployment", "far"), ("Budget", "month"), ("VirtualKey", "payer")):
                await eventually(lambda kind=kind, name=name: tenant.get(kind, name), lambda it: holds(it, "Ready"))  # type: ignore[misc]
            await tenant.delete("Secret", "payer-key")
            await eventually(lambda: tenant.get("Secret", "payer-key"), bool)
            await eventually(
                lambda: tenant.items("Event"), lambda items: any(item["reason"] == "KeyCreated" for item in items)
            )
            await eventually(
                lambda: home.items("Event"),
                lambda items: any(item["involvedObject"]["uid"] == book["metadata"]["uid"] for item in items),
            )
    finally:
        install.operator.stop()
        server.run("delete", "configmap", "prices", "--namespace", HOME)
        server.run("delete", "--ignore-not-found", "--filename=-", stdin=grants)

    log = install.operator.log.read_text()
    assert "403" not in log
    assert "lease.released" in log
