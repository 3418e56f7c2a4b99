"""What an ablation consists of: one recipe, rows that change it, and where each run lies."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from rs2sam2.errors import ConfigError
from rs2sam2.training.recipe import read_recipe

FULL = "full"
"""The row that all others are compared with."""
NAMES = ("precision_at_0.5", "precision_at_0.7", "precision_at_0.9", "mean_iou", "overall_iou")
"""The figures of the paper's tables, in its order."""
_SETTINGS = {
    *("name", "title", "folder", "steps", "checkpoint_every", "seeds"),
    *("real", "rendered", "training", "rows", "tables"),
}
_SECTIONS = ("trainer", "model", "data")
_ROW = {"says", "steps", "seeds", "paper", *_SECTIONS}


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        name: of its runs' folders.
        says: what people read.
        changes: sections of the training recipe ("trainer", "model", "data") -> what differs there.
        seeds: one run for each.
        paper: figure -> percent as the paper reports it; empty for rows that it does not have.
        steps: optimisation steps of each run.
    """

    name: str
    says: str
    changes: Mapping[str, Any]
    seeds: tuple[int, ...]
    paper: Mapping[str, float]
    steps: int


@dataclass(frozen=True)
class Run:
    """A row with a seed: what is trained."""

    row: Row
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        """For people."""
        return self.folder.name


@dataclass(frozen=True)
class Rendered:
    """The rendered scenes that every run is asked about.

    Attributes:
        scenes: how many.
        size: pixels along a side.
        seed: decides all.
        pairs: so many sentences are asked of two scenes, one of which lacks their thing; with them, the pairs of the
            real split are asked, too. 0 asks none.
        corrected: so many sentences about one thing are corrected by clicks, and as many of the real split.
    """

    scenes: int
    size: int
    seed: int
    pairs: int = 0
    corrected: int = 0


@dataclass(frozen=True)
class Plan:
    """The whole of it.

    Attributes:
        name: of its page and figures.
        title: of the page.
        folder: of all runs.
        checkpoint_every: so many of these, and after the last; a run that was stopped goes on from there.
        real: folder of OAM-Ref; its split "val" is asked about.
        rendered: see `Rendered`.
        training: recipe of `rs2sam2 train fit` that the rows change.
        rows: by name.
        tables: title -> names of rows, in the paper's order.
    """

    name: str
    title: str
    folder: Path
    checkpoint_every: int
    real: Path
    rendered: Rendered
    training: Mapping[str, Any]
    rows: Mapping[str, Row]
    tables: Mapping[str, tuple[str, ...]]

    @property
    def tokenizer(self) -> Path:
        """Of all runs, made from the language of the expressions alone."""
        return self.folder / "tokenizer.spm"

    @property
    def rendered_file(self) -> Path:
        """Where the rendered scenes lie, named by all that decides them."""
        return self.folder / f"rendered_{'_'.join(map(str, astuple(self.rendered)))}.npz"

    @property
    def runs(self) -> list[Run]:
        """First seeds first, so that every row has a figure early."""
        most = max(len(row.seeds) for row in self.rows.values())
        return [
            Run(row, row.seeds[turn], self.folder / f"{row.name}-{row.seeds[turn]}")
            for turn in range(most)
            for row in self.rows.values()
            if turn < len(row.seeds)
        ]

    def recipe(self, run: Run) -> dict[str, Any]:
        """The recipe of one run."""
        place = str(run.folder)
        recipe = merged(self.training, run.row.changes)
        fixed = {
            "seed_everything": run.seed,
            "trainer": {"max_steps": run.row.steps, "max_epochs": 1, "default_root_dir": place},
            "data": {
                "root": str(self.real),
                "tokenizer": str(self.tokenizer),
                "steps": run.row.steps,
                "seed": run.seed,
            },
        }
        recipe = merged(recipe, fixed)
        recipe["trainer"]["logger"] = {
            "class_path": "lightning.pytorch.loggers.CSVLogger",
            "init_args": {"save_dir": place, "name": "log"},
        }
        recipe["trainer"]["callbacks"] = [
            *recipe["trainer"].get("callbacks", []),
            {"class_path": "rs2sam2.training.clock.Clock"},
            {
                "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
                "init_args": {"dirpath": place, "filename": "last", "every_n_train_steps": self.checkpoint_every}
                | {"enable_version_counter": False},
            },
        ]
        return recipe


def read_plan(path: Path) -> Plan:
    """Read a configuration file.

    Raises:
        ConfigError: it is missing, no YAML, or a setting is unknown, missing or cannot work.
    """
    settings = read_recipe(path)
    _require_known(settings, _SETTINGS, str(path))
    try:
        default, steps = _seeds(settings["seeds"]), int(settings["steps"])
        rows = {name: _row(name, values, default, steps, str(path)) for name, values in settings["rows"].items()}
        plan = Plan(
            settings["name"],
            settings["title"],
            Path(settings["folder"]),
            int(settings["checkpoint_every"]),
            Path(settings["real"]),
            Rendered(**settings["rendered"]),
            settings["training"],
            rows,
            {title: tuple(names) for title, names in settings["tables"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: a setting is missing or has the wrong shape ({error!r}): see configs/") from error
    for row in rows.values():
        if row.steps < 1 or plan.checkpoint_every < 1 or row.steps % plan.checkpoint_every:
            raise ConfigError(
                f"{path}: row {row.name}: {row.steps} steps, no multiple of checkpoint_every {plan.checkpoint_every}: "
                "mend it"
            )
    if plan.rendered.scenes < 2:
        raise ConfigError(f"{path}: {plan.rendered.scenes} rendered scenes: an interval needs at least 2")
    listed = {name for names in plan.tables.values() for name in names}
    if unknown := sorted(listed ^ set(rows)):
        raise ConfigError(f"{path}: rows {', '.join(unknown)}: each has to be under `rows` and in one of `tables`")
    if FULL not in rows:
        raise ConfigError(f"{path}: there is no row '{FULL}', with which the others are compared")
    if strange := [row.name for row in rows.values() if not set(row.seeds) <= set(rows[FULL].seeds)]:
        raise ConfigError(f"{path}: rows {', '.join(strange)}: have seeds that '{FULL}' lacks")
    return plan


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with other values; mappings are merged, everything else is replaced."""
    found = dict(base)
    for name, value in changes.items():
        old = found.get(name)
        found[name] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found


def _row(name: str, values: Mapping[str, Any], seeds: tuple[int, ...], steps: int, where: str) -> Row:
    _require_known(values, _ROW, f"{where}: row {name}")
    paper = {figure: float(value) for figure, value in values.get("paper", {}).items()}
    if paper and set(paper) != set(NAMES):
        raise ConfigError(f"{where}: row {name}: `paper` has to hold {', '.join(NAMES)}, or to be left out")
    return Row(
        name,
        values["says"],
        {section: values[section] for section in _SECTIONS if section in values},
        _seeds(values["seeds"]) if "seeds" in values else seeds,
        paper,
        int(values.get("steps", steps)),
    )


def _seeds(values: list[int]) -> tuple[int, ...]:
    if not values or len(set(values)) < len(values):
        raise ValueError(f"seeds {values}")
    return tuple(int(value) for value in values)


def _require_known(values: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(map(str, set(values) - known)):
        raise ConfigError(f"{where}: unknown settings {', '.join(unknown)}: there are {', '.join(sorted(known))}")
