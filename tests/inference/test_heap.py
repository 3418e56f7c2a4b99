"""What becomes of memory that is freed."""

import subprocess
import sys


def test_freed_memory_stays_with_the_process() -> None:
    """Large blocks that are freed and taken again cost no pages, as they do where glibc is left alone."""
    faults = """
import resource, sys, torch
if sys.argv[1] == "kept":
    from rs2sam2.inference.heap import keep_freed
    keep_freed()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
torch.ones(2**24)
before = faults()
for _ in range(100):
    torch.ones(2**24)
print(faults() - before)
"""
    counted = {
        how: int(subprocess.run([sys.executable, "-c", faults, how], capture_output=True, check=True).stdout)
        for how in ("kept", "given back")
    }
    assert counted["kept"] < counted["given back"] / 10
