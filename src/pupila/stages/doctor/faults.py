"""The faults that the doctor knows: code, severity, what it is, and how to mend it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pupila.core.messages import say
from pupila.core.vocabulary import ERROR, INFO, WARNING

EXAMPLES = 5  # shown of each fault
RANKED = 20  # shown of a fault each of whose examples wants a look


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a data set."""

    code: str
    severity: str  # "error" would spoil training; "warning"; "info"
    count: int  # how often it was met
    examples: list[str]  # the first few
    mend: str  # one line: what to do

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def fault(
    code: str, examples: Sequence[str], severity: str | None = None, shown: int = EXAMPLES
) -> list[Fault]:
    """The fault in a list, or an empty list where there is no example of it."""
    if not examples:
        return []
    usual, _, mend = catalogue()[code]
    return [Fault(code, severity or usual, len(examples), list(examples[:shown]), mend)]


def title(code: str) -> str:
    """What the fault is, in a few words."""
    return catalogue()[code][1]


Entry = tuple[str, str, str]  # severity, title, mend


def catalogue() -> dict[str, Entry]:
    """Code to (severity, title, mend), in the user's language."""
    return (
        _of_files() | _of_pictures() | _of_copies() | _of_labels() | _of_tables() | _of_splits_and_shortcuts()
        | of_masks()
    )  # fmt: skip


def of_masks() -> dict[str, Entry]:
    """What masks alone can have."""
    return _of_mask_files() | _of_mask_values() | _of_pairs()


def _of_files() -> dict[str, Entry]:
    """What can lie in a folder besides sound images."""
    return {
        "unreadable": (WARNING, say("images that can't be decoded"),
                       say("get them again from where they came, or delete them")),
        "truncated": (WARNING, say("images that end too early"),
                      say("an interrupted download or copy: get them again, or delete them")),
        "empty-file": (WARNING, say("files without bytes"), say("get them again, or delete them")),
        "not-an-image": (WARNING, say("files with an image's name that are none"),
                         say("delete them; a scraper may have saved error pages")),
        "unsupported-format": (WARNING, say("image formats that Pupila does not read"),
                               say("convert them to JPEG or PNG, for instance with ImageMagick")),
        "missing-extra": (WARNING, say("GeoTIFFs and the like, which need the extra 'geo'"),
                          say("pip install 'pupila[geo]'")),
        "oversized": (WARNING, say("images above the limits"),
                      say("scale them down, or raise the limit with --set max_pixels or max_bytes")),
        "broken-link": (WARNING, say("links that lead nowhere"), say("restore what they point to, or delete them")),
        "other-file": (INFO, say("files that are no images"), say("nothing to do; they are left out")),
        "hidden-file": (INFO, say("hidden files of the system"), say("nothing to do; they are left out")),
        "changed-file": (WARNING, say("images that changed since the manifest was saved"),
                         say("if you meant it, run pupila split again; else restore them")),
    }  # fmt: skip


def _of_pictures() -> dict[str, Entry]:
    """How single pictures are stored, and whether they show anything."""
    return {
        "lying-extension": (INFO, say("files whose ending names another format"),
                            say("read by their content here; rename them for other tools")),
        "exif-rotated": (INFO, say("photos stored turned, with an EXIF note"),
                         say("turned upright here; other tools may show them lying")),
        "one-colour": (WARNING, say("images of one colour"), say("delete them: they show nothing")),
        "extreme-aspect": (WARNING, say("images over four times as long as wide"),
                           say("crop them: resizing to a square squeezes them beyond recognition")),
        "tiny": (WARNING, say("images under 32 pixels"), say("get larger copies, or delete thumbnails")),
        "many-frames": (INFO, say("files with several pages or frames"),
                        say("only the first is read; save the others as files of their own")),
        "sixteen-bit": (INFO, say("images with 16 bits a channel"),
                        say("read with 8 bits here; look that they are not almost black")),
        "transparent": (INFO, say("images with transparency"),
                        say("laid on white here; save them so if that is wrong")),
        "grey-and-colour": (INFO, say("grey images among coloured ones"),
                            say("make sure that grey does not go with one class")),
    }  # fmt: skip


def _of_copies() -> dict[str, Entry]:
    """Pictures that are there more than once."""
    return {
        "exact-duplicates": (WARNING, say("images that are copies, byte by byte"),
                             say("delete the surplus; pupila split keeps them on one side")),
        "near-duplicates": (WARNING, say("copies that were resized, re-encoded, cropped or brightened"),
                            say("keep the best of each; pupila split keeps them on one side")),
        "mirrored-duplicates": (WARNING, say("copies flipped left to right"),
                                say("delete the surplus; flips belong to augmentation")),
        "conflicting-labels": (ERROR, say("duplicates with different labels"),
                               say("look at each pair and correct the wrong label, or delete both")),
    }  # fmt: skip


def _of_labels() -> dict[str, Entry]:
    """Classes and labels."""
    return {
        "single-class": (ERROR, say("only one class"), say("add images of what it is not: nothing can be told apart")),
        "small-class": (WARNING, say("classes with under 10 images"),
                        say("collect more, or merge the class with a related one")),
        "class-name-variants": (ERROR, say("class names that differ by case, blanks or dashes alone"),
                                say("rename them alike: they are learned as different classes")),
        "empty-class": (WARNING, say("classes without a readable image"), say("add images, or remove the class")),
        "unlabelled": (WARNING, say("images without a label among labelled ones"),
                       say("label them, or move them away; training leaves them out")),
    }  # fmt: skip


def _of_tables() -> dict[str, Entry]:
    """Tables and the images that they name."""
    return {
        "row-without-image": (WARNING, say("rows of the table whose image is missing"),
                              say("correct the path, or remove the row")),
        "web-address": (WARNING, say("rows that name a web address"), say("download the images and name the files")),
        "image-without-row": (WARNING, say("images that no row of the table names"),
                              say("add rows with their labels, or move them away")),
        "repeated-row": (INFO, say("images with several rows that agree"),
                         say("remove the repetition; one row counts")),
        "conflicting-rows": (ERROR, say("images with several rows that disagree"),
                             say("keep the right row; now the first one counts")),
    }  # fmt: skip


def _of_splits_and_shortcuts() -> dict[str, Entry]:
    """Splits that came with the data, and what gives the label away."""
    return {
        "unknown-split": (ERROR, say("values of the split that are none of train, validation, test"),
                          say("correct them, or ignore the split with pupila split --ignore-given")),
        "class-missing-from-split": (ERROR, say("classes missing from a split that came with the data"),
                                     say("split anew with pupila split --ignore-given")),
        "leaking-split": (ERROR, say("duplicates on both sides of the split that came with the data"),
                          say("split anew with pupila split --ignore-given; reported scores are too good")),
        "folder-predicts-label": (ERROR, say("subfolders that give the label away"),
                                  say("mix the sources: a model may learn the place instead of the thing")),
        "column-predicts-label": (ERROR, say("columns that give the label away"),
                                  say("if it is no other name of the label, balance the sources over the classes")),
        "property-predicts-label": (ERROR, say("file properties that give the label away"),
                                    say("bring all classes to one size and format from one source, or collect anew")),
        "looks-like-groups": (INFO, say("subfolders or columns that look like groups"),
                              say("if their images belong together, split with --by so they can't straddle")),
    }  # fmt: skip


def _of_mask_files() -> dict[str, Entry]:
    """Masks and the images that they are for, as files."""
    return {
        "image-without-mask": (WARNING, say("images without a mask"),
                               say("label them, or move them away; training leaves them out")),
        "mask-without-image": (WARNING, say("masks without an image"),
                               say("name the image like its mask, or delete the mask")),
        "second-mask": (WARNING, say("further masks of one image"),
                        say("keep the right one; now the first by name counts")),
        "mask-unreadable": (WARNING, say("masks that can't be decoded"),
                            say("get them again; training leaves their images out")),
        "mask-of-another-shape": (WARNING, say("masks of another aspect ratio than their image"),
                                  say("find the right mask or draw it anew; training leaves these images out")),
        "mask-of-another-size": (INFO, say("masks of another size than their image"),
                                 say("scaled to the image here; other tools may refuse them")),
        "exif-of-one": (INFO, say("images with an EXIF rotation that their masks lack, or the reverse"),
                        say("both lie upright here; other tools may turn one of them")),
        "mask-not-turned": (ERROR, say("masks that lie as the photo is stored, while its EXIF note turns the photo"),
                            say("turn the mask as the note says, or save both upright")),
    }  # fmt: skip


def _of_mask_values() -> dict[str, Entry]:
    """What the values of masks say."""
    return {
        "soft-mask": (INFO, say("masks with values between those of the classes (anti-aliased, or once a JPEG)"),
                      say("nothing to do where the threshold is right; save masks as PNG, resized by nearest pixel")),
        "jpeg-mask": (WARNING, say("masks stored as JPEG, which smears their borders"),
                      say("save masks as PNG")),
        "unknown-mask-values": (WARNING, say("masks with values that stand for no class"),
                                say("name them in classes.json, or correct them; now they count as unlabelled")),
        "misread-mask-values": (ERROR, say("classes that are stored by another value than the class file says"),
                                say("correct classes.json: 0 and 255 are no class indices, nor the reverse")),
        "mask-without-labels": (WARNING, say("masks without a labelled pixel"),
                                say("label them, or move them away: nothing is learned from them")),
        "empty-mask": (INFO, say("masks of background alone"),
                       say("right where there is nothing to see; look that none was forgotten")),
        "full-mask": (WARNING, say("masks of foreground alone"),
                      say("look at them: an inverted or an unfinished mask looks so")),
        "one-class-mask": (INFO, say("masks of one class alone"),
                           say("right where there is nothing else to see; look that none is unfinished")),
        "unlabelled-pixels": (INFO, say("masks with pixels that have no label"),
                              say("nothing to do: they count neither in training nor in any figure")),
    }  # fmt: skip


def _of_pairs() -> dict[str, Entry]:
    """Whether a mask is that of its image, and as good as a second one."""
    return {
        "label-ceiling": (INFO, say("how far two labellings of one picture agree: no score means more than that"),
                          say("judge models against it; agree on rules for labelling to raise it")),
        "labelled-differently": (WARNING, say("duplicates whose masks differ"),
                                 say("look at each pair and keep the better mask for both")),
        "mask-of-another-image": (ERROR, say("masks that belong to another image"),
                                  say("look at both images with both masks, and swap the masks back")),
        "mask-fits-badly": (WARNING, say("masks that fit their image no better than those of other images"),
                            say("look at each: it may be shifted, unfinished, or that of an image that is not here")),
        "masks-fit-by-chance": (WARNING, say("masks that fit other images about as well as their own"),
                                say("look at some in explore.html: either the scenes are all alike, "
                                    "or images and masks are paired wrongly")),
        "answer-fits-another-mask": (ERROR, say("answers of the run that fit the mask of another image"),
                                     say("look at both images with both masks, and swap the masks back")),
        "mask-against-answers": (WARNING, say("masks that agree with a run's answers less than half as well as usual"),
                                 say("look at them in this order: the mask or the model is wrong")),
    }  # fmt: skip
