"""Files among the images that look like labels and were not read: one line for each kind, with what to do."""

from collections import defaultdict

from pupila.artifacts.dataset.formats.tables.text_tables import LIST_SUFFIXES
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.fingerprint import Fault
from pupila.core import files
from pupila.core.messages import say
from pupila.core.vocabulary import IMAGE_SUFFIXES
from pupila.stages.doctor.faults import MAX_RANKED_EXAMPLES, fault
from pupila.stages.doctor.label_files import describe_label_file

_PER_GROUP = 2  # files that are looked at in each folder, of each extension
_MOST_READ = 200  # in all


def find_label_files(data: Dataset) -> dict[str, str]:
    """The skipped files that look like labels, with what they seem to be; a folder's files of one extension are alike.

    Args:
        data: its files that are no images were skipped.
    """
    split = data.images["given_split"].null_count() < len(data)
    lists = LIST_SUFFIXES if split else ()  # of splits, which were read
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, code in data.skipped.select("subject", "code").iter_rows():
        suffix = files.suffix(path)
        if code == "other-file" and suffix not in (*lists, *IMAGE_SUFFIXES):  # images may be left out, too
            groups[path.rpartition("/")[0], suffix].append(path)
    described: dict[str, str] = {}
    for number, paths in enumerate(groups.values()):
        if number * _PER_GROUP >= _MOST_READ:
            break
        texts = [describe_label_file(files.join(data.root, path)) for path in paths[:_PER_GROUP]]
        described |= dict(zip(paths, texts, strict=False))
        if all(texts):
            described |= dict.fromkeys(paths[_PER_GROUP:], texts[0])
        elif len(paths) > _PER_GROUP:
            rest = paths[_PER_GROUP : _PER_GROUP + max(0, _MOST_READ - len(described))]
            described |= {path: describe_label_file(files.join(data.root, path)) for path in rest}
    return {path: text for path, text in described.items() if text}


def unread_labels(described: dict[str, str]) -> list[Fault]:
    """One fault, with an example for each kind of file.

    Args:
        described: of `find_label_files`.
    """
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, text in described.items():
        kinds[files.suffix(path), text.partition("(")[0]].append(path)
    examples = [
        say("{path}: {content}", path=paths[0], content=described[paths[0]]) if len(paths) == 1
        else say("{path} and {n} more: {content}", path=paths[0], n=len(paths) - 1, content=described[paths[0]])
        for paths in kinds.values()
    ]  # fmt: skip
    return fault("unread-labels", examples, shown=MAX_RANKED_EXAMPLES)
