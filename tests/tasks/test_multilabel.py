"""A prediction of several labels in words."""

import numpy as np

from pupila.tasks.multilabel import LabelsPrediction, predict_labels
from pupila.tasks.task import PostProcessing, PredictionSettings
from tests.colours import PLAIN


def spec(classes: list[str], **changes: object) -> PredictionSettings:
    return PredictionSettings(
        classes=classes, preprocessing=PLAIN, post_processing=PostProcessing.model_validate(changes)
    )


def predict(logits: list[float], classes: list[str], **changes: object) -> LabelsPrediction:
    (prediction,) = predict_labels(np.array([logits], np.float32), spec(classes, **changes))
    return prediction


def test_labels_are_named_with_their_probabilities() -> None:
    prediction = predict([1.0, -1.0, 0.0], ["sodium", "sugar", "fat"])
    assert prediction.labels == ("sodium", "fat")  # 0.5 reaches 0.5
    assert str(prediction) == "sodium (73.1 %), fat (50.0 %)"
    assert prediction.class_names() == ("sodium", "fat")
    assert str(predict([1.0], ["sodium"], abstain_below=0.8)) == "sodium (73.1 %), abstained"


def test_an_image_without_labels_is_counted_under_a_name_of_its_own() -> None:
    prediction = predict([-1.0, -2.0], ["sodium", "sugar"])
    assert (prediction.labels, str(prediction)) == ((), "none of the classes")
    assert prediction.class_names() == ("none of the classes",)


def test_a_card_has_the_predicted_classes_and_the_most_probable_others() -> None:
    classes = [f"c{number:02d}" for number in range(20)]
    prediction = predict([-5.0, 1.0, -1.0, *[-4.0 - n for n in range(17)]], classes)
    facts = prediction.facts()
    assert list(facts)[:3] == ["c01", "c02", "c03"]
    assert facts["c01"] == "present (73.1 %, threshold 50.0 %)"
    assert facts["c02"] == "absent (26.9 %, threshold 50.0 %)"
    assert facts["other classes"] == "11 absent"
    assert len(facts) == 1 + 8 + 1


def test_a_picture_is_not_drawn_upon() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    assert predict([1.0], ["sodium"]).draw(picture) is picture
