"""A Redis Cluster of three masters, and a replica of the one that has our keys; all real, on loopback."""

import contextlib
from collections.abc import Iterator
from typing import Any

from sluice_contract import names
from support.redis import RedisServer, free_port

SLOTS = 16384
PATIENT_MS = 10_000  # how long a node must be silent before the others give it up; nobody is by mistake
NOTICED_MS = 600  # … where one is to be


class Cluster:
    """Its nodes; ``owner`` has our slot at the beginning, ``replica`` is its replica, ``other`` is another master."""

    def __init__(self, masters: list[RedisServer], replica: RedisServer) -> None:
        self.masters = masters
        self.replica = replica
        self.nodes = [*masters, replica]
        self.slot: int = masters[0].client.execute_command("CLUSTER", "KEYSLOT", names.STORE)
        self.owner = next(node for n, node in enumerate(masters) if self.slot in _span(n, len(masters)))
        self.other = next(node for node in masters if node is not self.owner)

    def form(self) -> None:
        """Give each master its slots and make them known to each other.  It takes a while: see :meth:`ready`."""
        for n, node in enumerate(self.masters):
            span = _span(n, len(self.masters))
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", span[0], span[-1])
        for node in self.nodes:
            port, bus = node.port, node.client.config_get("cluster-port")["cluster-port"]
            self.masters[0].client.execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)

    def ready(self) -> bool:
        """Whether all nodes agree on everything, and the replica has all that the owner has."""
        if any(_info(node)["cluster_known_nodes"] != str(len(self.nodes)) for node in self.nodes):
            return False
        if self.replica.client.role()[0] == b"master":
            with contextlib.suppress(Exception):  # it does not know the owner yet
                self.replica.client.execute_command("CLUSTER", "REPLICATE", node_id(self.owner))
            return False
        synced = self.replica.client.info("replication")["master_link_status"] == "up"
        return synced and all(_info(node)["cluster_state"] == "ok" for node in self.nodes)

    def failed_over(self) -> bool:
        """Whether the replica has taken over, and the others know."""
        living = [node for node in self.nodes if node is not self.owner]
        return all(
            self.owner_port(node) == self.replica.port and _info(node)["cluster_state"] == "ok" for node in living
        )

    def owner_port(self, asked: RedisServer) -> int:
        """Who has our slot, as *asked* sees it; 0 if nobody."""
        spans = asked.client.execute_command("CLUSTER", "SLOTS")
        return next((int(master[1]) for first, last, master, *_ in spans if first <= self.slot <= last), 0)

    def begin_to_move(self) -> None:
        """Open our slot for its way from the owner to the other: keys may be moved one by one now."""
        self.other.client.execute_command("CLUSTER", "SETSLOT", self.slot, "IMPORTING", node_id(self.owner))
        self.owner.client.execute_command("CLUSTER", "SETSLOT", self.slot, "MIGRATING", node_id(self.other))

    def move_keys(self) -> None:
        """Move all keys of our slot."""
        while keys := self.owner.client.execute_command("CLUSTER", "GETKEYSINSLOT", self.slot, 100):
            self.owner.client.execute_command("MIGRATE", "127.0.0.1", self.other.port, "", 0, 5000, "KEYS", *keys)

    def end_move(self) -> None:
        """Say that the slot is the other's."""
        for node in (self.other, *(node for node in self.masters if node is not self.other)):
            node.client.execute_command("CLUSTER", "SETSLOT", self.slot, "NODE", node_id(self.other))

    @property
    def url(self) -> str:
        """Where it is: one that does not have our slot, and one that is not there."""
        return f"redis+cluster://127.0.0.1:1,127.0.0.1:{self.other.port}"


def _node(**options: str) -> RedisServer:
    usual = {
        "cluster_enabled": "yes",
        "cluster_port": str(free_port()),
        "cluster_node_timeout": str(PATIENT_MS),
        "cluster_config_file": "nodes.conf",
        "repl_diskless_sync_delay": "0",
    }
    return RedisServer(binary=None, certificates=None, **{**usual, **options})


def node_id(node: RedisServer) -> str:
    """The name of *node* among the others."""
    return str(node.client.execute_command("CLUSTER", "MYID").decode())


def _span(n: int, count: int) -> range:
    return range(SLOTS * n // count, SLOTS * (n + 1) // count)


def _info(node: RedisServer) -> dict[str, str]:
    said: Any = node.client.execute_command("CLUSTER", "INFO")
    if isinstance(said, dict):
        return {str(name): str(value) for name, value in said.items()}
    return dict(line.split(":", 1) for line in said.decode().split())


@contextlib.contextmanager
def running_cluster(*, fails_over: bool = False, **options: str) -> Iterator[Cluster]:
    """Three masters and a replica that form a cluster, not yet :meth:`~Cluster.ready`; *options* are the servers'."""
    if fails_over:
        options = {"cluster_node_timeout": str(NOTICED_MS), **options}
    with contextlib.ExitStack() as stack:
        nodes: list[RedisServer] = []
        for _ in range(4):
            nodes.append(_node(**options))
            stack.callback(nodes[-1].stop)
        cluster = Cluster(nodes[:3], nodes[3])
        cluster.form()
        yield cluster
