"""Real client libraries, each in an environment of its own, driven by the scripts beside this module."""

import asyncio
import json
from collections.abc import Mapping
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
    # -I: with nothing of ours in sight, since this folder has an operator.py
    command = (str(python), "-I", str(Path(__file__).with_name("sdk_openai.py")), *arguments)
    results: dict[str, Any] = json.loads(await output_of(*command, seconds=RUN_SECONDS))
    return results


async def output_of(*command: str, seconds: float, env: Mapping[str, str] | None = None) -> bytes:
    """What *command* printed; it has no input.

    Raises:
        AssertionError: it failed; the message has its last words.
        TimeoutError: it was not done within *seconds*, and was ended.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
    )
    try:
        async with asyncio.timeout(seconds):
            out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, errors.decode()[-3000:]
    return out
