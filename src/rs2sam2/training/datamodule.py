"""Where nano's training samples come from."""

from collections.abc import Iterator
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_info
from torch.utils.data import DataLoader, Sampler

from rs2sam2.data.mixture import Collate, Group, Mixture, MixtureWeights
from rs2sam2.data.real_scenes import load_scenes
from rs2sam2.data.rrsisd import RRSISD, no_target
from rs2sam2.data.vocabulary import ensure_tokenizer
from rs2sam2.errors import ConfigError


class MixtureDataModule(pl.LightningDataModule):
    """Rendered scenes, real ground and annotated sentences, one endless epoch.

    Args:
        root: folder of OAM-Ref (holds `refer` and `no_target.json`); only its training split is read.
        tokenizer: SentencePiece model; trained and written there if the file is missing.
        groups: scenes in a batch of one process.
        group_size: sentences per scene.
        steps: optimisation steps of the whole run.
        sizes: pairs (share of the run, image side): from when on which image size is used.
        union_image_size: U of the model.
        max_text_tokens: longest sentence.
        mixture: how sources are mixed.
        absent_share: chance that a sentence means nothing in its scene.
        paste_share: chance that roofs are pasted into a real cut.
        easy: shares of the run at which easy groups become fewer, and at which they end (see `Mixture`).
        workers: processes that prepare samples; 0 prepares them in the training process.
        seed: of all samples.
    """

    def __init__(
        self,
        root: Path,
        tokenizer: Path,
        steps: int,
        sizes: list[tuple[float, int]],
        mixture: MixtureWeights,
        groups: int = 2,
        group_size: int = 4,
        union_image_size: int = 160,
        max_text_tokens: int = 64,
        absent_share: float = 0.2,
        paste_share: float = 0.3,
        easy: tuple[float, float] = (0.0, 0.0),
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not sizes or sizes[0][0] != 0:
            raise ConfigError(f"sizes: the first must start at 0, got {sizes}")
        self.root, self.tokenizer_path = root, tokenizer
        self.steps, self.sizes, self.mixture, self.groups, self.group_size = steps, sizes, mixture, groups, group_size
        self.union_image_size, self.max_text_tokens = union_image_size, max_text_tokens
        self.absent_share, self.paste_share, self.easy = absent_share, paste_share, easy
        self.workers, self.seed = workers, seed

    def prepare_data(self) -> None:
        """Train the tokeniser if there is none yet."""
        ensure_tokenizer(self.tokenizer_path)

    def setup(self, stage: str) -> None:
        """Read the real training split."""
        per_step = self.groups * self._trainer().world_size
        length = self.steps * per_step
        scenes = load_scenes(self.root / "refer", "train")
        annotated = [
            *RRSISD(self.root / "refer", "train"),
            *RRSISD(self.root / "refer", "train", split_by="group"),
            *no_target(self.root, "train"),
        ]
        self.train_set = Mixture(
            scenes,
            annotated,
            self.mixture,
            [(round(share * self.steps) * per_step, side) for share, side in self.sizes],
            group_size=self.group_size,
            length=length,
            seed=self.seed,
            absent_share=self.absent_share,
            paste_share=self.paste_share,
            easy=(round(self.easy[0] * length), round(self.easy[1] * length)),
        )
        rank_zero_info(f"{len(scenes)} real scenes, {len(annotated)} annotated sentences, {length} groups")

    def train_dataloader(self) -> DataLoader[Group]:
        """Groups in order (the mixture itself is random), so that a resumed run continues where it stopped."""
        tokenizer = ensure_tokenizer(self.tokenizer_path, self.max_text_tokens)
        return DataLoader(
            self.train_set,
            batch_size=self.groups,
            sampler=Remaining(self._trainer(), len(self.train_set), self.groups),
            num_workers=self.workers,
            collate_fn=Collate(tokenizer, self.union_image_size),
        )

    def _trainer(self) -> pl.Trainer:
        if self.trainer is None:
            raise ConfigError("the data module has no trainer yet: give it to Trainer.fit")
        return self.trainer


class Remaining(Sampler[int]):
    """This process's share of the items that the run has not seen yet, in order."""

    def __init__(self, trainer: pl.Trainer, items: int, batch_size: int) -> None:
        self.trainer, self.items, self.batch_size = trainer, items, batch_size

    def __len__(self) -> int:
        """Items of this process in the whole run: Lightning itself counts off those that were seen."""
        return self.items // self.trainer.world_size

    def __iter__(self) -> Iterator[int]:
        """Items of this process, from the step on that the trainer has reached."""
        processes = self.trainer.world_size
        seen = self.trainer.global_step * self.batch_size * processes
        return iter(range(seen + self.trainer.global_rank, self.items, processes))
