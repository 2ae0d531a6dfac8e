"""Errors: problem, actual, expected, remedy; and they survive the trip from a worker process."""

import pickle

from pupila.core.errors import MissingExtra, PupilaError


def test_all_parts_are_printed_in_order() -> None:
    fault = PupilaError("No such data", actual="x", expected="a folder", remedy="pupila demo")
    assert str(fault) == "No such data: found x; expected a folder.\n  Try: pupila demo"


def test_missing_parts_leave_no_trace() -> None:
    assert str(PupilaError("Too few groups")) == "Too few groups."


def test_errors_survive_a_trip_between_processes() -> None:
    for fault in (PupilaError("problem", "actual", "expected", "remedy"), MissingExtra("data", "polars")):
        back = pickle.loads(pickle.dumps(fault))
        assert (type(back), str(back), back.args) == (type(fault), str(fault), fault.args)


def test_a_missing_extra_says_what_to_install() -> None:
    assert "pip install 'pupila[data]'" in str(MissingExtra("data", "polars"))
