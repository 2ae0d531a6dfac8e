"""Every sentence that users read passes here: English is the key, gettext finds the user's language."""

import gettext
from functools import cache
from pathlib import Path

DOMAIN = "pupila"
LOCALE_FOLDER = Path(__file__).parent / "locale"


@cache
def _catalogue() -> gettext.NullTranslations:
    """The catalogue of the user's language (LANGUAGE, LC_ALL, LC_MESSAGES, LANG); English where none fits."""
    return gettext.translation(DOMAIN, LOCALE_FOLDER, fallback=True)


def say(sentence: str, /, **values: object) -> str:
    """The sentence in the user's language, its `{names}` filled in.

    Args:
        sentence: English, a literal, so that the catalogue can be drawn from the source.
        values: what the names in braces stand for; format codes such as `{share:.1%}` work.
    """
    text = _catalogue().gettext(sentence)
    return text.format(**values) if values else text


def say_count(one: str, many: str, n: int, /, **values: object) -> str:
    """The sentence for n things, in the plural form of the user's language; `{n}` is the number."""
    return _catalogue().ngettext(one, many, n).format(n=n, **values)


def listing(names: list[str], most: int = 5, total: int | None = None) -> str:
    """The first names in a row, and how many more there are (of `total`, where only some names are given)."""
    more = (total or len(names)) - min(most, len(names))
    return ", ".join(names[:most]) + (say(" and {n} more", n=more) if more > 0 else "")
