"""What is measured: each gateway as a command line pinned to one core, in front of the same upstream."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Final

GATEWAY_CORE: Final = "0"
LOAD_CORE: Final = "1"
REPLY: Final = (
    '{"id":"chatcmpl-1","object":"chat.completion","created":1790000000,"model":"m","choices":[{"index":0,"message":'
    '{"role":"assistant","content":"' + "lorem ipsum dolor sit amet " * 12 + '"},"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":57,"completion_tokens":84,"total_tokens":141}}'
)

_NGINX: Final = Template("""
daemon off; worker_processes 1; pid $dir/nginx.pid; error_log $dir/error.log;
events { worker_connections 4096; }
http {
  access_log off; proxy_buffering off;
  keepalive_requests 100000000; client_body_temp_path $dir/body; proxy_temp_path $dir/proxy;
  fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
  $upstream
  server { listen 127.0.0.1:$port reuseport; location / { $action } }
}
""")


@dataclass(frozen=True, slots=True)
class Gateway:
    """One row of the table."""

    name: str
    port: int
    command: tuple[str, ...]
    key: str = "sk-none"
    environ: dict[str, str] = field(default_factory=dict)


def nginx(directory: Path, port: int, *, action: str, upstream: str = "") -> tuple[str, ...]:
    """An nginx of one worker that does *action* for every request."""
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "nginx.conf"
    config.write_text(_NGINX.substitute(dir=directory, port=port, action=action, upstream=upstream))
    found = shutil.which("nginx") or "/usr/sbin/nginx"
    return (found, "-c", str(config), "-e", str(directory / "error.log"))


def upstream(directory: Path, port: int) -> tuple[str, ...]:
    """The mock: answers every POST with REPLY."""
    return nginx(directory / "upstream", port, action=f"default_type application/json; return 200 '{REPLY}';")


def bare_nginx(directory: Path, port: int, upstream_port: int) -> tuple[str, ...]:
    """The floor: nginx passing calls through over kept connections."""
    pool = f"upstream u {{ server 127.0.0.1:{upstream_port}; keepalive 128; keepalive_requests 100000000; }}"
    action = 'proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";'
    return nginx(directory / "proxy", port, action=action, upstream=pool)


MANIFESTS: Final = Template("""
apiVersion: sluice.dev/v1alpha1
kind: ModelDeployment
metadata: {name: m}
spec:
  targets:
  - name: mock
    provider:
      {type: OpenAICompatible, baseURL: "http://127.0.0.1:$port/v1", auth: {type: None}, allowPrivateNetwork: true}
  pricing: {currency: USD, inputPerMillion: "0.15", outputPerMillion: "0.60"}
---
apiVersion: sluice.dev/v1alpha1
kind: Budget
metadata: {name: month}
spec:
  limit: {unit: Cost, amount: "9000000", currency: USD}
  period: {type: Calendar, calendar: {unit: Month, timeZone: UTC}}
---
apiVersion: sluice.dev/v1alpha1
kind: Budget
metadata: {name: tokens}
spec:
  limit: {unit: TotalTokens, amount: "900000000000"}
  period: {type: Calendar, calendar: {unit: Day, timeZone: UTC}}
""")

KEY: Final = Template("""---
apiVersion: sluice.dev/v1alpha1
kind: VirtualKey
metadata: {name: app-$n}
spec:
  type: Hash
  hash: {keyHash: "sha256:$digest"}
  owner: {team: bench}
  budgetRefs: [{name: month}, {name: tokens}]
  limits: [{name: rpm, unit: Requests, amount: 1000000000, window: 1m}]
""")
