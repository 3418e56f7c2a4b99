"""RISBench."""

from rs2sam2.data.phrases import PhraseDataset


class RISBench(PhraseDataset):
    """RISBench: sentences about single things in images of DOTA and DIOR.

    Source: repository `HIT-SIRS/CroBIM` of its authors; built on VRSBench, with images of DOTA and DIOR.

    Licence: CC BY 4.0.

    Size: 52 472 sentences. How many of them a split has is not known to us. Images are 512 x 512 pixels of 0.1 to 30 m.

    Classes: 26, those of DOTA and DIOR; they are in the sentences alone.

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
    images, masks, suffix, above = "img_rgb", "mask", "", 0
