"""Tables in text, whatever a spreadsheet made of them."""


def text_of(data: bytes) -> str:
    """The text of a file in UTF-8, or else in Latin-1."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def separator(text: str) -> str:
    """Comma, semicolon, tab or bar: the one that the first line has most of."""
    header = text.split("\n", 1)[0]
    return max(",;\t|", key=header.count)
