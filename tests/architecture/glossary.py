"""The words of the field as data: what is banned, in which kind of name or sentence, and what to write instead."""

from typing import NamedTuple


class Ban(NamedTuple):
    """One banned word or phrase.

    pattern: a regular expression. For names it meets the lower-case words of a name with blanks between
        them ("fine epochs" for FINE_EPOCHS and fineEpochs); for sentences a blank fits any white space.
    scope: "whole" (all words of the name), "part" (some of its words), "class" (some words of a class's
        name), "function" (all words of a function's name; properties and tests are free), "setting" (a
        setting or a string key, all its words) or "phrase" (part of a sentence).
    instead: what to write.
    free: a regular expression of paths, anywhere in them, where the word has another, honest meaning.
    """

    pattern: str
    scope: str
    instead: str
    free: str = ""


# A single word in -ed is a participle, not a verb, but for these.
VERBS_IN_ED = "embed|exceed|feed|need|proceed|seed|shed|speed"

NAMES = (
    # Habits: these name nothing.
    Ban("told", "part", "name the thing: message, labels, settings"),
    Ban("said", "part", "name the thing: message, report"),
    Ban("found", "whole", "name the thing: matches, violations; actual= in an error"),
    Ban("one", "whole", "name the thing: model, image, prompt, row"),
    Ban("asked", "whole", "name the thing: prompt, request, question"),
    Ban("made", "whole", "name the thing: created, model, report"),
    Ban("done", "whole", "name the thing: finished, completed, processed"),
    Ban("seen", "whole", "name the thing: visited, paths, keys"),
    Ban("wanted", "part", "expected"),
    Ban("what", "whole", "problem; or name the thing"),
    Ban(r"\w.* of", "function", "verb and object: class_indices, count_regions"),
    Ban(rf"(?!({VERBS_IN_ED})$)\w+ed", "function", "verb and object: write_bundle, decode_mask"),
    # Concepts.
    Ban(
        r"answer(s|ed|ing)?|unanswered",
        "part",
        "prediction, predict; response (HTTP)",
        free="/label/|/cli/(audit|suspects)|/explore/(test_)?labels|demo/test_packages",
    ),
    Ban("(?<!ground )truths?", "part", "ground_truth, label, target"),
    Ban("sure(st|r|ly)?", "part", "confidence, probability"),
    Ban("unsure", "part", "abstained, uncertain, not_distinguishable", free="/label/|/cli/(audit|suspects)"),
    Ban(r"(re|un)?thaw\w*", "part", "unfreeze, finetune"),
    Ban("fine (epochs|learning rate|lr)", "part", "finetune_epochs, finetune_lr"),
    Ban("fine", "whole", "finetune"),
    Ban("side", "setting", "image_size"),
    Ban("views|looks", "setting", "augmented_views"),
    Ban("looks?", "whole", "augmented_views; test_access for the test split"),
    Ban("openings?", "part", "test_access", free=r"^benchmarks/"),
    Ban("wish(es|ed)?", "part", "config, settings"),
    Ban("deeds?", "part", "plan"),
    Ban("kinds?", "class", "recipe (TrainingRecipe)"),
    Ban("kind of", "part", "recipe; find_kind"),
    Ban("lessons?", "part", "TaskTrainer"),
    Ban("sides", "whole", "SplitRows, split_rows", free=r"imaging|regions|images|masks|geotiff"),
    Ban("sides", "class", "SplitRows"),
    Ban("concluded", "part", "ValidationResult"),
    Ban("stor(y|ies)|telling", "part", "TaskEvaluator, evaluator; scenario (of a test)", free=r"demo"),
    Ban("bench", "part", "EvaluationSet", free=r"^benchmarks/"),
    Ban("judged?|judges|judging", "part", "ModelReport; evaluate; validate, check, audit (for data)"),
    Ban("compared", "part", "Comparison"),
    Ban("found", "class", "ModelReport, Comparison; name the thing"),
    Ban("decision(?! threshold)", "part", "PostProcessing, threshold, temperature"),
    Ban("keepers?", "part", "Checkpointer, checkpoint"),
    Ban("kept", "part", "cached (features), checkpoint, retained"),
    Ban("legends?", "part", "LabelMap, label_map", free=r"report|/drawing"),
    Ban("things?", "part", "instance, region"),
    Ban("(not )?here", "whole", "foreground, background"),
    Ban("ways?", "part", "PromptStrategy, strategy"),
    Ban("quality", "setting", "predicted_iou", free=r"images/|demo|report/|duplicates|dataset/test_masks"),
    Ban(
        "quality",
        "whole",
        "predicted_iou",
        free=r"images/|demo|report/|duplicates|pictures|dataset/test_masks",
    ),
    Ban("ahead", "part", "prefetch"),
    Ban("trivial", "part", "baseline"),
    Ban("valued", "part", "estimate"),
    Ban("mend(s|ed|ing)?", "part", "fix"),
    Ban("lies|lying|lie", "part", "wrong_extension, rotated; is_inside"),
    Ban("aside", "part", "skipped, rejected"),
    Ban("persons?", "part", "annotator, reviewer"),
)

PHRASES = tuple(
    Ban(pattern, "phrase", instead)
    for pattern, instead in (
        (
            r"(not )?surely (more|less|better|worse)|not surely|surely",
            "significantly better than the baseline",
        ),
        (r"surest|surer|how sure|so sure", "confidence; risk-coverage curve"),
        (r"too unsure", "abstains"),
        (r"as people write( it| them)?", "typical"),
        (r"(re|un)?thaw\w*", "unfreeze, fine-tune"),
        (r"trivial (answer|prediction)s?", "baseline"),
        (r"always (answer|say)\w*|answering \S+ everywhere", "majority-class baseline"),
        (r"flatter(s|ed|ing)?|too good", "optimistically biased (selected on validation)"),
        (r"g(i|a)ves? ((the|its|their|a) )?(\w+ )?away|given away", "leaks the label"),
        (r"(is|are|was|were|be|been) parted|part(s|ed)? (the|these) class\w*", "leaking split; separates"),
        (r"(set|sets|setting) (\w+ )?aside", "skipped, rejected (with the reason)"),
        (r"(go|goes|going|went|gone) on", "resume, continue"),
        (r"lying", "wrong extension; rotated"),
        (r"(and|not|nor) (un|a)like\b(?! \w+s? (of|that))", "with different masks, with different labels"),
        (r"at odds", "conflicting"),
        (r"(images|pictures|requests) wait", "queue full"),
        (
            r"(expects?|expected|thinks?|says?|knows?) of (itself|its|them|his|it)\b",
            "predicted IoU; describes",
        ),
        (r"mend(s|ed|ing)?", "fix"),
        (r"looks? (at|into) the (sealed )?test", "evaluated the test split; test access"),
        (r"(was|were|is|been) opened before|openings", "test access"),
        (r"things?", "instance, region, object; or name it"),
        (r"(is|are|was|were|be|been) said", "printed, reported, recorded"),
        (r"(is|are|was|were|be|been) told(?! apart)", "receives; is inferred; is reported"),
        (r"(was|were|is|are) met\b(?! by)", "occurs, encountered"),
        (
            r"(says?|tells?|holds?|keeps?|knows?|learns?|has|have|see|sees|show|shows) nothing of",
            "plain order: does not",
        ),
        (r"nothing of", "plain order: does not"),
        (r"knows? no(ne|thing)?", "does not support, has no"),
        (r"(?<!ground\s)(?<!ground-)truths?", "ground truth, label, target"),
        (r"draws of whole groups|whole groups", "cluster bootstrap, 2,000 resamples"),
        (r"for all that were tried", "Holm-corrected"),
        (
            r"how far (its|their|to trust|confidence|answers?|an answer|two|masks|labels?|what|a score|the box)",
            "calibration; agreement; offset",
        ),
        (r"anew", "again"),
        (r"bears? (its|the|a|their|eight)", "is named, has"),
        (r"in vain", "false positive"),
        (r"what is so|that (is|are) so", "ground truth; positives"),
        (r"(the|a|each|every|one) (model|network|bundle|labeller) (answers?|says?)", "the model predicts"),
        (r"(model|run|bundle|network)'s answers?", "predictions"),
        (
            r"answers? (of|from|by) (the|a|an|its|each|every|one|this|that)? ?(model|run|bundle|network)s?",
            "predictions",
        ),
        (
            r"(truth|mask|label|target|image|picture)s? (and|nor|or|against) answers?",
            "ground truth and prediction",
        ),
        (r"(is|are|was|were) answered (from|for|by|as)", "predicted; decision threshold"),
        (r"taken for (what|each)|what was taken for", "confusion"),
        (r"by whose eyes|whose eyes", "embedding model"),
        (r"(is|are|was|were) to (be|have|come|cover|get|take|stand|hold)", "plain present tense: must, will"),
        (r"wish(es|ed)?", "settings, requested"),
        (r"deeds?", "plan"),
        (r"lessons?", "task trainer"),
        (r"keepers?", "checkpointer"),
        (r"judg(e|es|ed|ing)", "evaluate; validate, check, audit (for data)"),
        (r"way by way|each way|every way|further ways?|ways? of (asking|prompting)", "prompt strategy"),
        (r"(by|of|for|from|with) (a|one|the|two|another) persons?|persons", "annotator, reviewer"),
        (r"^(wanted|found):", "expected:, actual:"),
    )
)

# (file, the banned words in lower case) -> why they stand there. A row that nothing needs is a violation.
EXCEPTIONS: dict[tuple[str, str], str] = {}
