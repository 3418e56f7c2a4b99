"""Where nano's training samples come from."""

from collections.abc import Iterator
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_info
from torch.utils.data import DataLoader, Sampler

from rs2sam2.data.groups import Collate, Group
from rs2sam2.data.mixture import Mixture, MixtureWeights, Phase
from rs2sam2.data.real_scenes import load_scenes
from rs2sam2.data.rrsisd import RRSISD, no_target
from rs2sam2.data.vocabulary import ensure_tokenizer
from rs2sam2.errors import ConfigError


class MixtureDataModule(pl.LightningDataModule):
    """Rendered scenes, real ground and annotated sentences, one endless epoch.

    Args:
        root: folder of OAM-Ref (holds `refer` and `no_target.json`); only its training split is read.
        tokenizer: SentencePiece model; trained and written there if the file is missing.
        groups: scenes in a batch of one process, an even number.
        steps: optimisation steps of the whole run.
        phases: what samples are like, and from when on; the first starts at 0.
        union_image_size: U of the model.
        max_text_tokens: longest sentence.
        mixture: how sources are mixed.
        paste_share: chance that roofs are pasted into a real cut.
        easy: shares of the run at which easy groups become fewer, and at which they end (see `Mixture`).
        several: whether sentences may speak of several things at once.
        workers: processes that prepare samples; 0 prepares them in the training process.
        seed: of all samples.
    """

    def __init__(
        self,
        root: Path,
        tokenizer: Path,
        steps: int,
        phases: list[Phase],
        mixture: MixtureWeights,
        groups: int = 2,
        union_image_size: int = 160,
        max_text_tokens: int = 64,
        paste_share: float = 0.3,
        easy: tuple[float, float] = (0.0, 0.0),
        several: bool = True,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not phases or phases[0].start != 0:
            raise ConfigError(f"phases: the first must start at 0, got {phases}")
        if groups % 2:
            raise ConfigError(f"groups: {groups} scenes in a batch, but they come two by two: give an even number")
        self.root, self.tokenizer_path = root, tokenizer
        self.steps, self.phases, self.mixture, self.pairs = steps, phases, mixture, groups // 2
        self.union_image_size, self.max_text_tokens = union_image_size, max_text_tokens
        self.paste_share, self.easy, self.several, self.workers, self.seed = paste_share, easy, several, workers, seed

    def prepare_data(self) -> None:
        """Train the tokeniser if there is none yet."""
        ensure_tokenizer(self.tokenizer_path)

    def setup(self, stage: str) -> None:
        """Read the real training split."""
        step = self.pairs * self._trainer().world_size
        scenes = load_scenes(self.root / "refer", "train")
        annotated = [
            *RRSISD(self.root / "refer", "train"),
            *(RRSISD(self.root / "refer", "train", split_by="group") if self.several else ()),
            *no_target(self.root, "train"),
        ]
        self.train_set = Mixture(
            scenes,
            annotated,
            self.mixture,
            self.phases,
            length=self.steps * step,
            step=step,
            seed=self.seed,
            paste_share=self.paste_share,
            easy=self.easy,
            several=self.several,
        )
        rank_zero_info(
            f"{len(scenes)} real scenes, {len(annotated)} annotated sentences, {2 * self.steps * step} groups"
        )

    def train_dataloader(self) -> DataLoader[tuple[Group, Group]]:
        """Groups in order (the mixture itself is random), so that a resumed run continues where it stopped."""
        tokenizer = ensure_tokenizer(self.tokenizer_path, self.max_text_tokens)
        return DataLoader(
            self.train_set,
            batch_size=self.pairs,
            sampler=Remaining(self._trainer(), len(self.train_set), self.pairs),
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
