"""What becomes of memory that is freed."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("settings", "elements"), [("keep_freed", 2**22), ("keep_some", 2**20)])
def test_freed_memory_stays_with_the_process(settings: str, elements: int) -> None:
    """Large blocks that are freed and taken again cost no pages, as they do where glibc gives them back."""
    faults = """
import resource, sys, torch
from rs2sam2.inference import heap
getattr(heap, sys.argv[1])()
elements = int(sys.argv[2])
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
torch.ones(elements)
before = faults()
for _ in range(100):
    torch.ones(elements)
print(faults() - before)
"""
    kept, given_back = (
        int(subprocess.run([sys.executable, "-c", faults, how, str(elements)], capture_output=True, check=True).stdout)
        for how in (settings, "keep_small")
    )
    assert kept < given_back / 10
