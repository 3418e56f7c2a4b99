"""One tree of errors: whatever goes wrong for a user is an `Rs2Sam2Error` with a message to act on.

A message gives the value, the place and the remedy, in one line. The command line prints it and exits with 2.
"""


def printable(text: str) -> str:
    """The text with everything escaped that is not seen: what a stranger's file says cannot steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Rs2Sam2Error(Exception):
    """Base of every error that this package raises on purpose."""

    def __str__(self) -> str:
        """The message in one line; it may quote names from a stranger's file, and other libraries' messages."""
        return printable(" ".join(super().__str__().splitlines()))


class ConfigError(Rs2Sam2Error, ValueError):
    """A configuration holds a value that cannot work."""


class ImageError(Rs2Sam2Error, ValueError):
    """An input image is missing, unreadable, truncated, empty or too large to open safely."""


class ExpressionError(Rs2Sam2Error, ValueError):
    """An expression is empty, blank or longer than the model reads."""


class PromptError(Rs2Sam2Error, ValueError):
    """A point or a box beside the words is malformed, lies outside the image, or belongs to no single expression."""


class WeightsError(Rs2Sam2Error, RuntimeError):
    """Weights are missing, damaged or do not fit the model they are meant for."""


class OutputError(Rs2Sam2Error, RuntimeError):
    """An output cannot be written: unknown suffix, existing file, unwritable place, full disk."""


class DataError(Rs2Sam2Error, ValueError):
    """A data set on disk is missing files or holds something that its layout does not allow."""


class StoppedError(Rs2Sam2Error, RuntimeError):
    """A long run was stopped on request; what it has done so far is kept."""


class MissingExtraError(Rs2Sam2Error, ImportError):
    """A capability needs an optional dependency that is not installed."""

    def __init__(self, capability: str, extra: str) -> None:
        """Name the `capability` asked for and the `extra` of the package that brings it."""
        super().__init__(f"{capability} needs the optional '{extra}' dependencies: pip install 'rs2sam2[{extra}]'")
