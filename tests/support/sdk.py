"""Real client libraries, each in an environment of its own, driven by the scripts beside this module."""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

from support.venvs import python_with

OPENAI: Final = {"2": "openai>=2,<3", "3": "openai>=3,<4"}  # by major version
RUN_SECONDS: Final = 120.0


async def drive_openai(major: str, **options: str) -> dict[str, Any]:
    """What ``sdk_openai.py`` saw with the newest SDK of that major version; options as it takes them, ``_`` for ``-``.

    Raises:
        AssertionError: it failed other than by an API error; the message has its traceback.
    """
    python = await asyncio.to_thread(python_with, f"openai-{major}", OPENAI[major])
    arguments = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    process = await asyncio.create_subprocess_exec(
        str(python),
        "-I",  # with nothing of ours in sight: this folder has an operator.py
        str(Path(__file__).with_name("sdk_openai.py")),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(RUN_SECONDS):
            out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, errors.decode()[-3000:]
    results: dict[str, Any] = json.loads(out)
    return results
