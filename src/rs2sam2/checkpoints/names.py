"""From the names of somebody else's checkpoint to ours: what a table of names says, and what it makes of a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class NameTable:
    """Where every entry of one kind of checkpoint goes.

    Attributes:
        prefixes: (theirs, ours); the first that a name begins with is exchanged.
        dropped: beginnings of names that are left behind on purpose, with the reason.
        inner: (theirs, ours), exchanged wherever they stand, one after the other.
    """

    prefixes: tuple[tuple[str, str], ...]
    dropped: Mapping[str, str]
    inner: tuple[tuple[str, str], ...] = ()

    def our_name(self, name: str) -> str | None:
        """Where an entry goes in our model; None if the table does not know it."""
        for theirs, ours in self.prefixes:
            if name.startswith(theirs):
                name = ours + name.removeprefix(theirs)
                for old, new in self.inner:
                    name = name.replace(old, new)
                return name
        return None

    def their_name(self, name: str) -> str:
        """The entry that becomes `name` of our model: `our_name` the other way round.

        Raises:
            KeyError: if none does.
        """
        theirs = name
        for old, new in reversed(self.inner):
            theirs = theirs.replace(new, old)
        for prefix, ours in self.prefixes:
            found = prefix + theirs.removeprefix(ours)
            if theirs.startswith(ours) and self.our_name(found) == name:
                return found
        raise KeyError(name)

    def reason_to_drop(self, name: str) -> str | None:
        """Why an entry is left behind; None if it is not."""
        return next((reason for start, reason in self.dropped.items() if name.startswith(start)), None)

    def plan(self, shapes: Mapping[str, Shape]) -> "Plan":
        """Account for every name of a checkpoint."""
        plan = Plan({}, {}, {})
        for name, shape in shapes.items():
            ours = self.our_name(name)
            if reason := self.reason_to_drop(name):
                plan.dropped[name] = reason
            elif ours is None or ours in plan.entries:
                plan.unknown[name] = shape
            else:
                plan.entries[ours] = Entry(name, shape)
        return plan


@dataclass(frozen=True)
class Entry:
    """Where one of our tensors comes from.

    Attributes:
        name: of a tensor in the checkpoint.
        shape: of ours.
        change: what makes ours of theirs; None where they are the same.
    """

    name: str
    shape: Shape
    change: Callable[[Tensor], Tensor] | None = None

    def read(self, read: Callable[[str], Tensor]) -> Tensor:
        """Our tensor, by way of what reads theirs."""
        tensor = read(self.name)
        return tensor if self.change is None else self.change(tensor)


@dataclass(frozen=True)
class Plan:
    """What becomes of every tensor of a checkpoint.

    Attributes:
        entries: by our names.
        dropped: by their names, what is left behind on purpose, and why.
        unknown: by their names, what the table does not know.
    """

    entries: dict[str, Entry]
    dropped: dict[str, str]
    unknown: dict[str, Shape]

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shapes of our tensors, by our names."""
        return {name: entry.shape for name, entry in self.entries.items()}

    def mismatch(self, expected: Mapping[str, Shape]) -> str | None:
        """What does not fit a model: one line, or None. Names that the model does not know are given as theirs."""
        ours = {name if name in expected else entry.name: entry.shape for name, entry in self.entries.items()}
        return mismatch(expected, ours | self.unknown)


def mismatch(expected: Mapping[str, Shape], found: Mapping[str, Shape]) -> str | None:
    """What does not fit between the names and shapes of a model and of a file: one line, or None."""
    missing = sorted(expected.keys() - found.keys())
    unexpected = sorted(found.keys() - expected.keys())
    wrong = [
        f"{name} {found[name]} instead of {expected[name]}"
        for name in sorted(expected.keys() & found.keys())
        if found[name] != expected[name]
    ]
    problems = [
        f"{len(names)} {kind}: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("of the wrong shape", wrong))
        if names
    ]
    return "; ".join(problems) or None
