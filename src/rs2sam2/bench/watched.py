"""Processes that do one step at a time and are watched from outside.

Such a process prints a line of JSON after its imports and after each step, and waits for a line before it goes on.
"""

import json
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rs2sam2.errors import Rs2Sam2Error

_SAMPLE_S = 0.002


class Watched:
    """A process that waits after its imports."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.start = self._line()
        """What it said after its imports."""
        self._before = self._anonymous()

    def step(self) -> dict[str, Any]:
        """Let it do the next step: what it says of it, and how much more memory of its own it had at the peak.

        Raises:
            Rs2Sam2Error: if it fails or dies.
        """
        assert self._process.stdout
        self._go_on()
        peak = self._anonymous()
        while not select.select([self._process.stdout], [], [], _SAMPLE_S)[0]:
            peak = max(peak, self._anonymous())
        said = self._line()
        return {**said, "peak_anonymous_bytes": max(peak, self._anonymous()) - self._before}

    def unsampled(self) -> dict[str, Any]:
        """As `step`, but without a look at its memory, which would take time from it.

        Raises:
            Rs2Sam2Error: as `step`.
        """
        self._go_on()
        return self._line()

    def in_rounds(self, rounds: int) -> list[dict[str, Any]]:
        """As `unsampled`, so many times, after one that does not count.

        Raises:
            Rs2Sam2Error: as `step`.
        """
        return [self.unsampled() for _ in range(1 + rounds)][1:]

    def _go_on(self) -> None:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # it died while it waited; what follows says so
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            killed = "; -9 means too little memory" if code == -9 else ""
            raise Rs2Sam2Error(f"the process that is measured died with exit code {code}{killed}")
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            raise Rs2Sam2Error(said["error"])
        return said

    def _anonymous(self) -> int:
        """RssAnon in bytes; 0 of a process that is gone."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")), 0)


@contextmanager
def watched(program: Sequence[str], *arguments: object) -> Iterator[Watched]:
    """Start this Python with a program ("-m", "name") and arguments; it ends with the block, killed by any error."""
    command = [sys.executable, *program, *map(str, arguments)]
    pipe = subprocess.PIPE
    # A session of its own: Ctrl-C is for this process, which ends the other without its traceback.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        try:
            yield Watched(process)
        except BaseException:
            process.kill()
            raise


def say(values: dict[str, Any]) -> bool:
    """What the watched process prints after a step; it then waits for leave to go on, and gets none at the end."""
    print(json.dumps(values), flush=True)
    return bool(sys.stdin.readline())
