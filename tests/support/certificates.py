"""An authority of a test's own, and what it vouches for: a server on this machine, and a client."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files in *folder*: ``ca.crt``, and ``server`` and ``client``, each with ``.crt`` and ``.key``."""

    folder: Path
    ask_clients: bool = True  # whether clients must show a certificate too
    check_hostname: bool = True  # whether the server's holds the name that it is found by

    @property
    def options(self) -> dict[str, str]:
        """What redis-server needs to speak TLS."""
        return {
            "tls-cert-file": str(self.folder / "server.crt"),
            "tls-key-file": str(self.folder / "server.key"),
            "tls-ca-cert-file": str(self.folder / "ca.crt"),
            "tls-auth-clients": "yes" if self.ask_clients else "no",
            "tls-replication": "yes",
        }

    @property
    def query(self) -> str:
        """What a Redis URL needs to be let in, as its options."""
        files = {"ssl_ca_certs": "ca.crt"}
        if self.ask_clients:
            files |= {"ssl_certfile": "client.crt", "ssl_keyfile": "client.key"}
        options = [f"{option}={self.folder / name}" for option, name in files.items()]
        return "&".join(options if self.check_hostname else [*options, "ssl_check_hostname=false"])


def make_certificates(folder: Path, *, names: str = "DNS:localhost,IP:127.0.0.1") -> Certificates:
    """New ones in *folder*; the server's holds *names*."""
    (folder / "names").write_text(f"subjectAltName={names}\n")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    commands = [f"req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=test-ca"]
    for who in ("server", "client"):
        extra = " -extfile names" if who == "server" else ""
        commands += [
            f"req {key} -keyout {who}.key -out {who}.csr -subj /CN={who}",
            f"x509 -req -in {who}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out {who}.crt -days 2{extra}",
        ]
    for command in commands:
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return Certificates(folder)
