"""Results in one line, and as a card that is safe to show."""

from pupila.core.display import Displayed, Summary, count_classes


class Result(Displayed):
    """A result whose texts come from a stranger's file names."""

    def summary(self) -> Summary:
        facts = {"<b>": "<script>alert(1)</script>"}
        return Summary("Result", "two\nlines", facts, (("data:image/png;base64,AAAA", 'a"b<c'),))


def test_a_result_is_one_line() -> None:
    assert repr(Result()) == "<Result: two lines>"


def test_a_card_is_escaped_and_fetches_nothing() -> None:
    html = Result()._repr_html_()
    assert "<script" not in html and "&lt;script&gt;" in html
    assert 'title="a&quot;b&lt;c"' in html
    assert "http" not in html


def test_many_classes_are_cut() -> None:
    assert count_classes({"cat": 2, "dog": 1}) == "cat 2, dog 1"
    assert count_classes({str(n): n for n in range(20)}).endswith("7 7 and 12 more")
