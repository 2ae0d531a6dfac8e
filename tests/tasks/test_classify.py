"""Class predictions in words."""

import numpy as np
import pytest

from pupila.tasks.classify import ClassPrediction


@pytest.mark.parametrize(("abstained", "text"), [(False, "cat (75.0 %)"), (True, "cat (75.0 %, abstained)")])
def test_a_class_in_words_and_in_a_summary(abstained: bool, text: str) -> None:
    prediction = ClassPrediction("cat", 0.75, {"cat": 0.75, "dog": 0.25}, abstained, np.zeros(2, np.float32))
    assert str(prediction) == text
    assert prediction.class_names() == ("cat",)
