"""`python -m rs2sam2` is the command `rs2sam2`."""

import sys

from rs2sam2.cli import main

if __name__ == "__main__":
    sys.exit(main())
