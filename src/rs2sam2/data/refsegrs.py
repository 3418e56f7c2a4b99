"""RefSegRS."""

from typing import ClassVar

from rs2sam2.data.phrases import PhraseDataset


class RefSegRS(PhraseDataset):
    """RefSegRS: sentences about groups of things in aerial images of a city.

    Source: `JessicaYuan/RefSegRS` on the Hugging Face Hub; the images are cut from SkyScapes.

    Licence: CC BY 4.0.

    Size: 4 402 sentences: train 2 172, val 413, test 1 817. Images are 512 x 512 pixels of 13 cm.

    Classes: things of a city seen from above, such as road, vehicle, building, sidewalk, tree; they are in the
    sentences alone.

    Format, under `root`:
        * `images/<id>.tif`
        * `masks/<id>.tif`: a value greater than 50 is the target
        * `output_phrase_{train,val,test}.txt`: lines of `<id> <sentence>`; blanks at their ends do not count

    Citation: Yuan, Mou, Hua, Zhu: RRSIS: Referring Remote Sensing Image Segmentation. IEEE Transactions on Geoscience
    and Remote Sensing, 2024.

    Raises:
        DataError: the file of sentences is missing or has a line without a sentence, or the split is empty.
    """

    name = "refsegrs"
    published: ClassVar = {"train": 2172, "val": 413, "test": 1817}
    images, masks, suffix, above = "images", "masks", ".tif", 50
