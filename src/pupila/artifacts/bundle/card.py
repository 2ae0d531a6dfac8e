"""The model's card: what it is, what it was judged on, and what it should not be used for."""

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.core.messages import say


def _purpose(info: BundleInfo) -> str:
    if info.prompts:
        return say("Answers what points and a box ask for with a mask.")
    names = ", ".join(info.classes[:20])
    return say("Answers one of {n} classes: {names}.", n=len(info.classes), names=names)


def card(info: BundleInfo) -> str:
    """Markdown."""
    lines = [
        f"# {info.model.get('name', info.task)}", "",
        _purpose(info), "",
        say("Made by {made_by}, {created}. Weights: {source}.",
            made_by=info.made_by, created=info.created, source=info.model.get("source", "")), "",
    ]  # fmt: skip
    if info.validation:
        lines += [say("Judged on {n} validation images in {groups} groups (never on the test split):",
                      n=info.validation["n"], groups=info.validation["groups"]), ""]  # fmt: skip
        lines += [f"| {say('metric')} | {say('value')} | {say('95 % interval')} |", "|---|---|---|"]
        for name, row in info.validation["metrics"].items():
            interval = (
                f"{row['low']:.3f} .. {row['high']:.3f}"
                if row.get("low") is not None
                else say("too few groups")
            )
            lines.append(f"| {name} | {row['value']:.3f} | {interval} |")
        lines.append("")
    else:
        lines += [say("It was not judged on any data here."), ""]
    if info.leaking:
        lines += [
            say(
                "**The split leaks: images that belong together were parted, so these figures are too good.**"
            ),
            "",
        ]
    lines.append(
        say("Images of another kind than those it learned from get an answer too, and it may be wrong.")
    )
    return "\n".join(lines) + "\n"
