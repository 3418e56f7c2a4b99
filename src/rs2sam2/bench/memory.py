"""Linux's account of this process's memory (proc(5))."""

from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident(name: str) -> int:
    """Bytes: "VmRSS" is resident memory now, "VmHWM" its peak since the process began."""
    (line,) = [line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:")]
    return 1024 * int(line.split()[1])
