"""How much memory a process has needed.

Linux keeps ``ru_maxrss`` over an ``exec`` (``getrusage(2)``: it is the process's, not the program's), so that a child
starts with its parent's: in a run of all tests a gigabyte.  ``VmHWM`` is of the program alone.
"""

from pathlib import Path


def peak_bytes(pid: int | str = "self") -> int:
    """The most that the resident memory of *pid* has been since its program began."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024
