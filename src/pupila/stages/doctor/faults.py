"""The catalogue of faults: code, severity, title and fix of each."""

from collections.abc import Sequence

from pupila.artifacts.report.fingerprint import Fault
from pupila.core.installation import install_command
from pupila.core.messages import say
from pupila.core.vocabulary import ERROR, INFO, REDRAW, WARNING

MAX_EXAMPLES = 5  # shown of each fault
MAX_RANKED_EXAMPLES = 20  # shown of a fault whose examples are ranked, or all need inspection


def fault(
    code: str, examples: Sequence[str], severity: str | None = None, shown: int = MAX_EXAMPLES
) -> list[Fault]:
    """A list of the fault, empty if there are no examples."""
    if not examples:
        return []
    default, _, fix = catalogue()[code]
    return [
        Fault(
            code=code, severity=severity or default, count=len(examples), examples=list(examples[:shown]), fix=fix
        )
    ]  # fmt: skip


def title(code: str) -> str:
    """The fault in a few words."""
    return catalogue()[code][1]


Entry = tuple[str, str, str]  # severity, title, fix


def catalogue() -> dict[str, Entry]:
    """Code to (severity, title, fix), in the user's language."""
    return (
        _file_entries() | _image_entries() | _duplicate_entries() | _label_entries() | _table_entries()
        | _split_entries() | several_labels_entries() | mask_entries()
    )  # fmt: skip


def mask_entries() -> dict[str, Entry]:
    """The faults that only masks can have."""
    return _mask_file_entries() | _mask_value_entries() | _mask_pair_entries()


def _file_entries() -> dict[str, Entry]:
    """Files of a data set that are not sound images."""
    return {
        "unreadable": (WARNING, say("images that cannot be decoded"),
                       say("get fresh copies from the source, or delete them")),
        "truncated": (WARNING, say("truncated images: the file ends too early"),
                      say("download or copy them again, or delete them")),
        "empty-file": (WARNING, say("empty files (0 bytes)"), say("get fresh copies, or delete them")),
        "not-an-image": (WARNING, say("files with an image extension that are not images"),
                         say("delete them; a scraper may have saved error pages")),
        "unsupported-format": (WARNING, say("images in a format that Pupila does not read"),
                               say("convert each as its reason says, or delete it")),
        "missing-extra": (WARNING, say("images that need an extra: 'geo' for GeoTIFFs and the like, 'heif' for HEIC"),
                          install_command("geo,heif")),
        "oversized": (WARNING, say("images above the size limits"),
                      say("downscale them, or raise the limit with --max-pixels or --max-bytes")),
        "broken-link": (WARNING, say("symbolic links to files that do not exist"),
                        say("restore the files, or delete the links")),
        "unread-labels": (WARNING, say("kinds of files that look like labels and were not read"),
                          say("do what is named for each if its labels are wanted; nothing otherwise")),
        "other-file": (INFO, say("files that are not images"), say("nothing to do: they are skipped")),
        "hidden-file": (INFO, say("hidden system files"), say("nothing to do: they are skipped")),
        "changed-file": (WARNING, say("images that changed after the manifest was saved"),
                         say("if the change is intended, run pupila split again; otherwise restore the images")),
    }  # fmt: skip


def _image_entries() -> dict[str, Entry]:
    """How single images are stored, and whether they show anything."""
    return {
        "wrong-extension": (INFO, say("files whose extension does not match their format"),
                            say("nothing to do: Pupila reads the content; rename them for other tools")),
        "exif-rotated": (INFO, say("photos stored rotated, with an EXIF orientation"),
                         say("nothing to do: Pupila turns them upright; other tools may not")),
        "single-colour": (WARNING, say("images of a single colour"), say("delete them: they show nothing")),
        "extreme-aspect-ratio": (WARNING, say("images with an aspect ratio above 4 : 1"),
                                 say("crop them: resizing to a square distorts them beyond recognition")),
        "tiny": (WARNING, say("images under 32 pixels on the shorter side"),
                 say("get larger copies, or delete them if they are thumbnails")),
        "multi-frame": (INFO, say("files with several pages or frames"),
                        say("only the first frame is read; save the others as separate files")),
        "sixteen-bit": (INFO, say("images with 16 bits per channel"),
                        say("Pupila reads them with 8 bits; check that they are not almost black")),
        "narrow-range": (WARNING, say("16-bit images that use a small part of their range; all are scaled by it"),
                         say("check the values, and set others with pupila split --low and --high if they are wrong")),
        "transparent": (INFO, say("images with transparency"),
                        say("Pupila puts them on white; save them on another background if white is wrong")),
        "mixed-colour-modes": (INFO, say("files stored as greyscale beside files stored as RGB"),
                               say("check that greyscale images are not mostly of one class")),
    }  # fmt: skip


def _duplicate_entries() -> dict[str, Entry]:
    """Images that occur more than once."""
    return {
        "exact-duplicates": (WARNING, say("exact duplicates, byte for byte"),
                             say("delete the extra copies; pupila split keeps duplicates in one split")),
        "near-duplicates": (WARNING, say("near-duplicates: resized, re-encoded, cropped or brightened copies"),
                            say("keep the best copy of each; pupila split keeps duplicates in one split")),
        "mirrored-duplicates": (WARNING, say("mirrored duplicates: copies flipped left to right"),
                                say("delete the extra copies; leave flips to augmentation")),
        "image-sequences": (INFO, say("groups of images that are alike: frames of a video, repeat photographs of one "
                                      "object, or tiles"),
                            say("nothing to do: pupila split keeps each group in one split, and a figure counts it "
                                "once; more of its images may be less alike, so name the groups with --by where "
                                "you know them")),
        "unnamed-groups": (WARNING, say("groups that are likely in the file names: their images are more alike than "
                                        "others of their class"),
                           say("keep each group in one split: {command}; or name other groups with --by",
                               command=f"{REDRAW} --by auto")),
        "conflicting-labels": (ERROR, say("duplicates with different labels"),
                               say("inspect each pair: correct the wrong label, or use --task multilabel if both "
                                   "are right")),
    }  # fmt: skip


def _label_entries() -> dict[str, Entry]:
    """Classes and labels."""
    return {
        "single-class": (ERROR, say("labels of a single class"),
                         say("add images of at least one more class: there is nothing to distinguish")),
        "small-class": (WARNING, say("classes with fewer than 10 images"),
                        say("collect more images, or merge the class with a related one")),
        "class-name-variants": (ERROR, say("class names that differ only in case, spaces, hyphens or underscores"),
                                say("use one spelling: now they are trained as different classes")),
        "empty-class": (WARNING, say("classes without a readable image"), say("add images, or remove the class")),
        "unlabelled": (WARNING, say("unlabelled images among labelled ones"),
                       say("label them, or move them out of the data set; training skips them")),
    }  # fmt: skip


def _table_entries() -> dict[str, Entry]:
    """Tables and the images that they list."""
    return {
        "row-without-image": (WARNING, say("table rows whose image is missing"),
                              say("correct the path, or delete the row")),
        "image-url": (WARNING, say("table rows with a URL instead of a file"),
                      say("download the images, and enter their paths in the table")),
        "image-without-row": (WARNING, say("images that the files of labels do not list"),
                              say("add their labels, or move the images out of the data set")),
        "duplicate-row": (INFO, say("images with several rows that agree"),
                          say("delete the extra rows; each image is used once")),
        "conflicting-rows": (ERROR, say("images with several rows that disagree"),
                             say("keep the correct row (the first one counts), or use --task multilabel, which "
                                 "unites labels")),
    }  # fmt: skip


def _split_entries() -> dict[str, Entry]:
    """Splits that came with the data, and shortcuts to the label."""
    return {
        "unknown-split": (ERROR, say("split names other than train, validation and test"),
                          say("correct them, or draw another split: {command}", command=REDRAW)),
        "class-missing-from-split": (ERROR, say("classes that do not occur in every given split"),
                                     say("draw another split: {command}", command=REDRAW)),
        "leaking-split": (ERROR, say("data leakage: related images in different splits"),
                          say("draw another split: {command}; scores on this one are optimistically biased",
                              command=REDRAW)),
        "folder-predicts-label": (ERROR, say("folders that leak the label"),
                                  say("mix the sources: a model may learn the place instead of the object")),
        "column-predicts-label": (ERROR, say("columns that leak the label"),
                                  say("balance the sources across the classes, "
                                      "unless the column is the label under another name")),
        "property-predicts-label": (ERROR, say("file properties that leak the label"),
                                    say("check whether the classes were photographed in different sessions")),
        "possible-groups": (INFO, say("folders or columns that may be groups"),
                            say("if their images belong together, use pupila split --by "
                                "to keep each group in one split")),
    }  # fmt: skip


def several_labels_entries() -> dict[str, Entry]:
    """The faults that only labels of several classes per image, or lists of one class, can have."""
    return {
        "unreadable-label": (ERROR, say("labels that can't be read; their images count as unlabelled"),
                             say("correct the cell, or the annotation")),
        "constant-class": (ERROR, say("classes that every image shows, or none"),
                           say("add images of the other kind, or leave the class out; "
                               "check whether unknown labels mean that the class is absent")),
        "few-positives": (WARNING, say("classes that fewer than 10 images show"),
                          say("collect more images that show them, or leave them out")),
        "few-negatives": (WARNING, say("classes that fewer than 10 images lack"),
                          say("add images that do not show them, and label them so")),
        "inseparable-classes": (WARNING, say("pairs of classes that always occur together"),
                                say("collect images of each without the other, or merge the two: "
                                    "a model can't tell them apart")),
        "class-only-with-another": (WARNING, say("classes that never occur without another"),
                                    say("collect images of the class without the other: "
                                        "a model may predict it only beside the other")),
        "mostly-unknown": (WARNING, say("classes that are unknown in more than half of the labelled images"),
                           say("label them: an unknown label counts neither in training nor in evaluation")),
        "partly-unknown": (INFO, say("classes that are unknown in some images"),
                           say("nothing to do: these labels are left out of training and evaluation; "
                               "check that empty cells do not mean absent")),
        "all-known": (INFO, say("no label is unknown"),
                      say("nothing to do where every class was looked for in every image")),
        "no-class-present": (INFO, say("images that show none of the classes"),
                             say("nothing to do where that is right; check that no label is missing")),
        "one-class-per-image": (INFO, say("every image shows exactly one class"),
                                say("name the class of each image in one column "
                                    "if it always has one: classification fits these data better")),
        "contradicting-labels": (ERROR, say("duplicates of which one shows a class and the other does not"),
                                 say("inspect each pair and correct the wrong label, or delete both images")),
        "unknown-in-duplicate": (INFO, say("duplicates of which only one tells whether it shows a class"),
                                 say("check that both show the same, and copy the label")),
        "label-prediction-disagreement": (WARNING, say("labels that the run's out-of-fold predictions contradict"),
                                          say("inspect them in this order: either the label or the model is wrong")),
    }  # fmt: skip


def _mask_file_entries() -> dict[str, Entry]:
    """Mask files and the images that they belong to."""
    return {
        "image-without-mask": (WARNING, say("images without a mask"),
                               say("annotate them, or move them out of the data set; training skips them")),
        "mask-without-image": (WARNING, say("masks without an image"),
                               say("name the image like its mask, or delete the mask")),
        "multiple-masks": (WARNING, say("extra masks of an image that already has one"),
                           say("keep the correct mask; Pupila uses the first by name")),
        "unreadable-mask": (WARNING, say("masks that cannot be decoded"),
                            say("get fresh copies; training skips their images")),
        "short-outline": (WARNING, say("outlines of fewer than three points, which are not drawn"),
                          say("annotate these objects again; without them their pixels count as background")),
        "mask-aspect-mismatch": (WARNING, say("masks whose aspect ratio differs from that of their image"),
                                 say("find the correct mask, or annotate the image again; "
                                     "training skips these images")),
        "mask-size-mismatch": (INFO, say("masks whose size differs from that of their image"),
                               say("nothing to do: Pupila resizes them to the image; other tools may reject them")),
        "exif-mismatch": (INFO, say("images whose EXIF orientation differs from that of their mask"),
                          say("nothing to do: Pupila reads both upright; other tools may rotate only one")),
        "mask-not-rotated": (ERROR, say("masks that were drawn on the photo without its EXIF rotation"),
                             say("rotate the mask as the EXIF orientation says, or save both upright")),
    }  # fmt: skip


def _mask_value_entries() -> dict[str, Entry]:
    """What the values of masks mean."""
    return {
        "soft-mask": (INFO, say("masks with values between those of the classes (anti-aliased, or saved as JPEG)"),
                      say("nothing to do if the threshold is right; "
                          "save masks as PNG, and resize them with nearest-neighbour interpolation")),
        "jpeg-mask": (WARNING, say("masks saved as JPEG, which blurs their borders"), say("save masks as PNG")),
        "unknown-mask-values": (WARNING, say("masks with values of no class"),
                                say("add the values to classes.json, or correct the masks; "
                                    "now these pixels are unlabelled")),
        "mask-value-mismatch": (ERROR, say("classes whose value in the class file occurs in no mask"),
                                say("correct classes.json: masks store either class indices, or 0 and 255")),
        "unlabelled-mask": (WARNING, say("masks without a labelled pixel"),
                            say("annotate them, or move them out of the data set: nothing is learned from them")),
        "empty-mask": (INFO, say("masks of background only"),
                       say("nothing to do where the image shows no object; check that no annotation is missing")),
        "full-mask": (WARNING, say("masks of foreground only"),
                      say("inspect them: the mask may be inverted or unfinished")),
        "single-class-mask": (INFO, say("masks of a single class"),
                              say("nothing to do where the image shows nothing else; "
                                  "check that no mask is unfinished")),
        "unlabelled-pixels": (INFO, say("masks with unlabelled pixels"),
                              say("nothing to do: these pixels are ignored in training and evaluation")),
    }  # fmt: skip


def _mask_pair_entries() -> dict[str, Entry]:
    """Whether a mask belongs to its image, and agrees with a second annotation or with a prediction."""
    return {
        "annotator-agreement": (INFO, say("agreement of two annotations of the same image: about the highest score "
                                           "that these labels allow"),
                                say("compare models with it; agree on annotation rules to raise it")),
        "conflicting-masks": (WARNING, say("duplicates with different masks"),
                              say("inspect each pair, and use the better mask for both")),
        "mismatched-mask": (ERROR, say("masks that belong to another image"),
                            say("inspect both images with both masks, and put each mask back in its place")),
        "poor-mask-fit": (WARNING, say("masks that fit their image no better than the masks of other images"),
                          say("inspect each mask: it may be shifted, unfinished, "
                              "or drawn for an image that is missing here")),
        "mask-fit-at-chance": (WARNING, say("masks that fit other images about as well as their own"),
                               say("inspect some in explore.html: either all scenes are alike, "
                                   "or images and masks are paired wrongly")),
        "prediction-fits-another-mask": (ERROR, say("predictions of the run that fit the mask of another image"),
                                         say("inspect both images with both masks, and swap the masks back")),
        "mask-prediction-disagreement": (WARNING, say("masks whose IoU with the run's prediction "
                                                      "is below half the median"),
                                         say("inspect them in this order: either the mask or the model is wrong")),
    }  # fmt: skip
