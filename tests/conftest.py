"""What every test shares: one thread a process, no network, the sample imagery if it is there."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A shell that runs the tests in the background makes them ignore Ctrl-C, and so would the commands that they interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Before anything imports torch, and inherited by the commands that tests start: workers share the cores already.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).resolve().parents[1]

# No deadlines: a shared machine's pauses are not the code's. The same examples every time in continuous integration,
# so that a red run is a change's own doing.
settings.register_profile(
    "house", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of golden files and sample imagery beside the checkout; skips where there is none."""
    folder = Path(os.environ.get("RS2SAM2_SHARED", ROOT.parent / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip(f"no golden files and sample imagery at {folder}; RS2SAM2_SHARED can point to them")
    return folder
