"""Text tables in the encodings and separators that spreadsheets write."""


def decode_text(data: bytes) -> str:
    """The text of a file in UTF-8, or else in Latin-1."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def detect_separator(text: str) -> str:
    """Comma, semicolon, tab or bar: the most frequent one in the first line."""
    header = text.split("\n", 1)[0]
    return max(",;\t|", key=header.count)
