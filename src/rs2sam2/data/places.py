"""The place that a picture shows, read from its name: pictures of one place are no independent samples."""

import re

from rs2sam2.errors import ConfigError


class PlacePattern:
    """What the first group of a regular expression finds in a picture's name; the whole name without one.

    Raises:
        ConfigError: the pattern is none or has no group; on a call, it finds nothing in the name.
    """

    def __init__(self, pattern: str | None) -> None:
        try:
            self._pattern = None if pattern is None else re.compile(pattern)
        except re.error as error:
            raise ConfigError(f"--place '{pattern}': not a regular expression ({error}): mend it") from error
        if self._pattern is not None and not self._pattern.groups:
            raise ConfigError(f"--place '{pattern}': has no group: put brackets around the part that names the place")

    def __call__(self, name: str) -> str:
        """The place in a picture's name."""
        if self._pattern is None:
            return name
        found = self._pattern.search(name)
        if found is None or not found[1]:
            raise ConfigError(f"--place '{self._pattern.pattern}': finds nothing in {name!r}: mend it")
        return found[1]
