"""Figures in the words of docs/performance.md."""


def bar(name: str, measured: str, asked: str, reached: bool) -> tuple[str, ...]:
    """A row that holds a figure against what was asked of it."""
    return name, measured, asked, "yes" if reached else "no"


def time_text(seconds: float) -> str:
    """Seconds, or milliseconds where they are few."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def gigabytes(count: int) -> str:
    """Bytes in units of 10^9."""
    return f"{count / 1e9:.2f} GB"
