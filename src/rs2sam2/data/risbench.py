"""RISBench."""

from typing import ClassVar

from rs2sam2.data.phrases import PhraseDataset


class RISBench(PhraseDataset):
    """RISBench: sentences about single things in images of DOTA and DIOR.

    Source: published by its authors with the paper below; built on VRSBench.

    Licence: CC BY 4.0.

    Size: 52 472 sentences: train 26 300, val 10 013, test 16 159. Images are 512 x 512 pixels.

    Classes: those of DOTA and DIOR; they are in the sentences alone.

    Format, under `root`:
        * `img_rgb/<name.ext>`
        * `mask/<name.ext>`: a value greater than 0 is the target
        * `output_phrase_{train,val,test}.txt`: lines of `<name.ext> <sentence>`; blanks at their ends do not count

    Citation: Dong, Sun, Liu, Zuo, Gu: Cross-Modal Bidirectional Interaction Model for Referring Remote Sensing Image
    Segmentation. arXiv:2410.08613, 2024.

    Raises:
        DataError: the file of sentences is missing or has a line without a sentence, or the split is empty.
    """

    name = "risbench"
    published: ClassVar = {"train": 26300, "val": 10013, "test": 16159}
    images, masks, suffix, above = "img_rgb", "mask", "", 0
