"""Every sentence and figure that users read passes here: English is the key, gettext finds the user's language."""

import gettext
import re
from functools import cache
from pathlib import Path

from pupila.core.addresses import scrub_addresses

DOMAIN = "pupila"
_EQUAL = 1e-6  # of a share: what is nearer to none, or to all, is rounding
LOCALE_FOLDER = Path(__file__).parent / "locale"
# What moves the cursor, changes colours, breaks a line or turns the direction of text, and halves of a character that
# can't be written: C0 (but the tab), DEL, C1, marks and overrides of direction, separators of lines, surrogates.
_CONTROLS = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


@cache
def _catalogue() -> gettext.NullTranslations:
    """The catalogue of the user's language (LANGUAGE, LC_ALL, LC_MESSAGES, LANG); English where none fits."""
    return gettext.translation(DOMAIN, LOCALE_FOLDER, fallback=True)


def say(sentence: str, /, **values: object) -> str:
    """The sentence in the user's language, its `{names}` filled in.

    Args:
        sentence: English, a literal, so that the catalogue can be extracted from the source.
        values: what the names in braces stand for; numbers and shares pass through `number` and `percent` first.
    """
    text = _catalogue().gettext(sentence)
    return text.format(**_escape_values(values)) if values else text


def say_count(singular: str, plural: str, n: int, /, **values: object) -> str:
    """The sentence for a count n, in the plural form of the user's language; `{n}` is the number."""
    return _catalogue().ngettext(singular, plural, n).format(n=n, **_escape_values(values))


def say_images(n: int) -> str:
    """So many images, in the plural form of the user's language: "1 image"."""
    return say_count("{n} image", "{n} images", n)


def escape_controls(text: str, keep: str = "") -> str:
    """The text with its control characters as `\\u001b`, visible and harmless; names and texts of others have them.

    Args:
        text: of any source.
        keep: characters that stay, such as the line breaks of a text of several lines.
    """
    if text.isprintable():  # nearly every text, and much faster
        return text
    return _CONTROLS.sub(lambda match: match[0] if match[0] in keep else f"\\u{ord(match[0]):04x}", text)


def _escape_values(values: dict[str, object]) -> dict[str, object]:
    """The values of a sentence, texts without control characters and without the secrets of addresses.

    A name with a line break stays in its line.
    """
    return {
        name: scrub_addresses(escape_controls(value)) if isinstance(value, str) else value
        for name, value in values.items()
    }


def mark(sentence: str, /) -> str:
    """The sentence as it is, marked for the catalogue: for tables and descriptions that are made on import."""
    return sentence


def translate(marked: str, /) -> str:
    """A sentence that was marked, or a setting's description, in the user's language; for use when it is shown."""
    return _catalogue().gettext(marked) if marked else marked


def number(value: float, digits: int = 3) -> str:
    """A figure with this many decimals, and the decimal separator of the user's language; zero has no sign."""
    return f"{value:z.{digits}f}".replace(".", _catalogue().pgettext("decimal separator", "."))


def integer(value: int) -> str:
    """A whole number with the thousands separator of the user's language: "2,000"."""
    return f"{value:,}".replace(",", _catalogue().pgettext("thousands separator", ","))


def percent(share: float, digits: int = 1) -> str:
    """A share of 0..1 as a percentage with this many decimals: "95.2 %".

    It has more where it would be rounded to none or to all and is neither: "99.99 %", and not "100.0 %".
    """
    for whole in (0.0, 1.0):
        while abs(share - whole) > _EQUAL and f"{abs(100 * (share - whole)):.{digits}f}".strip("0.") == "":
            digits += 1
    return f"{number(100 * share, digits)} %"


def signed_number(value: float, digits: int = 3) -> str:
    """A difference with its sign: "+0.012"; a zero has none."""
    text = number(value, digits)
    return text if value < 0 or not text.strip("0.,") else f"+{text}"


def signed_percent(share: float, digits: int = 1) -> str:
    """A relative change with its sign: "+3.2 %"; a zero has none."""
    return f"{'+' if share > _EQUAL else ''}{percent(share, digits)}"


def listing(names: list[str], most: int = 5, total: int | None = None) -> str:
    """The first names in a row, and how many more there are (of `total`, where only some names are given)."""
    shown = ", ".join(names[:most])
    more = (total or len(names)) - min(most, len(names))
    return say("{names} and {n} more", names=shown, n=more) if more > 0 else shown
