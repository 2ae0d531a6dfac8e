"""What a chart of the first classes leaves out, in a sentence beside it."""

from pupila.core.messages import say_count


def note_more_classes(classes: int, drawn: int) -> list[str]:
    """That classes are missing from the charts; empty where none is.

    Args:
        classes: how many there are.
        drawn: how many of them fit into a chart.
    """
    more = classes - drawn
    return (
        [say_count("{n} more class is not in the charts.", "{n} more classes are not in the charts.", more)]
        if more > 0
        else []
    )
