"""XML files without entities: an entity may unfold to gigabytes, and annotation tools write none."""

from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say


def read_xml(uri: str) -> Element:
    """The root element of the XML file at the address.

    Raises:
        PupilaError: the file is no XML, declares entities, or can't be read.
        FileNotFoundError: there is no such file.
    """
    builder, parser = TreeBuilder(), expat.ParserCreate()

    def refuse(*_: Any) -> None:
        raise ValueError(say("it declares entities"))

    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(files.read_bytes(uri), True)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, LookupError, expat.ExpatError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else None
        raise PupilaError(
            say("Can't read {path}", path=uri), actual=reason or str(fault), expected=say("an XML file")
        ) from fault
    return builder.close()


def read_text(element: Element, *names: str) -> str:
    """The text of the first of these elements that is there and not empty, without blanks around it."""
    return next((text for name in names if (text := (element.findtext(name) or "").strip())), "")


def whole_number(text: str | None) -> int | None:
    """The number, or None where the text is none."""
    try:
        return int(float(text)) if text else None
    except (ValueError, OverflowError):
        return None
