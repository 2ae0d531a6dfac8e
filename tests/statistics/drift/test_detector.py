"""The drift detector: two groups by hand, false alarms as rare as promised, and each kind of change detected."""

import random as plain_random
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from pupila.statistics.drift.detector import SHIFTS, SPREADS, TILTS, WEIGHTS, DriftDetector, place_bets
from pupila.statistics.drift.observations import Observations, stack_observations
from pupila.statistics.drift.ranks import smooth_rank
from pupila.statistics.drift.streams import OUTPUT_STREAMS, choose_streams
from tests.statistics.drift.drawn import draw, only_brightness, rows


def watch(detector: DriftDetector, observations: Observations) -> DriftDetector:
    for observation in rows(observations):
        detector.update(observation)
    return detector


def test_two_groups_by_hand() -> None:
    ties = plain_random.Random("7 brightness")
    first = smooth_rank([0.0, 1.0, 2.0], 2.0, ties.random())  # 2/3 to 1
    second = smooth_rank([-1.0, 0.0, 1.0, 2.0], -1.0, ties.random())  # 0 to 1/4
    assert first >= 2 / 3
    assert second <= 1 / 4
    once, bets = (
        np.array([
            *(np.exp(shift * z - shift**2 / 2) for shift in SHIFTS),
            *(NormalDist(0, spread).pdf(z) / NormalDist().pdf(z) for spread in SPREADS),
            *(1 + tilt if z > 0 else 1 - tilt for tilt in TILTS),
        ])
        for z in map(NormalDist().inv_cdf, (first, second))
    )  # fmt: skip
    twice = (1 + once) * bets
    detector = DriftDetector(only_brightness([0.0, 1.0]), 1000, seed=7)
    watch(detector, only_brightness([2.0]))
    assert detector.evidence == pytest.approx(once @ WEIGHTS / 3)  # confidence and sharpness are unknown
    watch(detector, only_brightness([-1.0]))
    assert detector.evidence == pytest.approx(twice @ WEIGHTS / 3)
    assert detector.streams == pytest.approx(
        {"confidence": 0, "brightness": 3 * detector.evidence, "sharpness": 0}
    )
    assert detector.groups == 2


def test_the_expectation_of_each_bet_is_one() -> None:
    z, weights = np.polynomial.hermite_e.hermegauss(100)
    assert weights @ place_bets(z) / weights.sum() == pytest.approx(1, abs=1e-6)


def test_quiet_evidence_grows_by_at_most_one_a_group() -> None:
    random, groups = np.random.default_rng(0), 60
    alarms, evidence = [], []
    for seed in range(250):
        detector = watch(DriftDetector(draw(random, 15), 240, seed), draw(random, groups))
        alarms.append(detector.alarm_at is not None)
        evidence.append(detector.evidence)
    error = np.std(evidence) / np.sqrt(len(evidence))
    assert np.mean(evidence) <= groups + 3 * error
    # P(alarm among T groups) <= T / N = 1/4, and the band of 250 streams
    assert np.mean(alarms) <= 0.25 + 3 * np.sqrt(0.25 * 0.75 / 250)


CHANGES: dict[str, Callable[[Observations], Observations]] = {
    "brightness": lambda o: replace(o, brightness=o.brightness - 0.1),
    "sharpness": lambda o: replace(o, sharpness=o.sharpness * 1.7),
    "confidence": lambda o: replace(o, confidence=o.confidence**3),
    "embedding 1": lambda o: replace(o, embedding=np.add(o.embedding, [0, 1])),
    "outputs 2": lambda o: replace(o, outputs=o.outputs ** [1, 1, 0.2]),
}


@pytest.mark.parametrize("stream", CHANGES)
@pytest.mark.parametrize("quiet", [0, 60])
def test_a_change_of_one_stream_is_detected_there(stream: str, quiet: int) -> None:
    random = np.random.default_rng(3)
    detector = DriftDetector(draw(random, 300), 1000)
    assert watch(detector, draw(random, quiet)).alarm_at is None
    watch(detector, CHANGES[stream](draw(random, 60)))
    assert detector.alarm_at is not None
    assert quiet < detector.alarm_at <= quiet + 60
    assert max(detector.streams, key=detector.streams.__getitem__) == stream


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_another_spread_is_detected(factor: float) -> None:
    random = np.random.default_rng(4)
    stream = only_brightness((random.normal(size=80) * factor).tolist())
    assert watch(DriftDetector(only_brightness(random.normal(size=300).tolist()), 1000), stream).alarm_at


def test_an_alarm_stays_and_the_statistics_stay_finite() -> None:
    detector = DriftDetector(only_brightness(np.linspace(0, 1, 10_000).tolist()), 1000)
    watch(detector, only_brightness(np.linspace(2, 3, 400).tolist()))
    assert detector.alarm_at == 3  # three beyond all of ten thousand
    assert np.isfinite(detector.evidence)


def test_the_same_groups_give_the_same_evidence() -> None:
    random = np.random.default_rng(5)
    reference, stream = draw(random, 30), draw(random, 50)
    first, again = (watch(DriftDetector(reference, 1000, seed=2), stream) for _ in range(2))
    shuffled = watch(DriftDetector(reference.select(random.permutation(30)), 1000, seed=2), stream)
    assert first.streams == again.streams == shuffled.streams
    stored = Observations(
        *(getattr(reference, n).astype(np.float32).astype(float) for n in Observations.__slots__)
    )
    assert watch(DriftDetector(stored, 1000, seed=2), stream).streams == first.streams


def test_a_constant_stream_never_alarms() -> None:
    """Even where the reference was stored in fewer digits."""
    detector = DriftDetector(only_brightness([float(np.float32(0.1))] * 50), 10)
    watch(detector, only_brightness([0.1] * 300))
    assert (detector.evidence, detector.alarm_at, detector.groups) == (0, None, 300)


def test_what_is_unknown_is_left_out() -> None:
    random = np.random.default_rng(6)
    reference, stream = draw(random, 30), draw(random, 40)
    whole = watch(DriftDetector(reference, 1000), stream)
    gaps = replace(stream, brightness=np.full(40, np.nan), embedding=np.empty((40, 0)))
    detector = watch(DriftDetector(reference, 1000), gaps)
    left_out = {"brightness", "embedding 0", "embedding 1"}
    assert detector.streams == {name: 0 if name in left_out else r for name, r in whole.streams.items()}


def test_what_the_reference_does_not_know_is_compared_with_its_own_beginning() -> None:
    random = np.random.default_rng(6)
    reference = replace(draw(random, 30), brightness=np.full(30, np.nan))
    same = watch(
        DriftDetector(reference, 1000), replace(draw(random, 60), brightness=random.normal(5, 0.1, 60))
    )
    assert same.streams["brightness"] < 60  # other values than any before are no change
    changed = watch(same, replace(draw(random, 60), brightness=random.normal(6, 0.1, 60)))
    assert changed.streams["brightness"] > 1e4 and changed.alarm_at is not None and changed.alarm_at > 60


@pytest.mark.parametrize("groups", [1, 2, 5])
@pytest.mark.parametrize(("projections", "classes"), [(0, 1), (0, 2), (8, 100)])
def test_a_small_reference_of_any_shape_is_enough(groups: int, projections: int, classes: int) -> None:
    random = np.random.default_rng(groups)
    detector = DriftDetector(draw(random, groups, projections, classes), 10_000)
    watch(detector, draw(random, 50, projections, classes))
    assert detector.alarm_at is None
    assert len(detector.streams) == 3 + projections + min(classes, OUTPUT_STREAMS)


def test_families_weigh_the_same_and_many_classes_share_streams() -> None:
    random = np.random.default_rng(8)
    observations = draw(random, 9, projections=4, classes=70)
    streams = choose_streams(observations)
    weights = dict(zip(streams.names, streams.weights, strict=True))
    assert weights["confidence"] == weights["brightness"] == pytest.approx(1 / 5)
    assert weights["embedding 3"] == pytest.approx(1 / 20)
    assert sum(weights.values()) == pytest.approx(1)
    values = streams.extract(observations)[:, streams.names.index("outputs 5")]
    assert values == pytest.approx(observations.outputs[:, [5, 37, 69]].sum(axis=1))


def test_other_shapes_than_the_references_are_refused() -> None:
    random = np.random.default_rng(9)
    detector = DriftDetector(draw(random, 9, projections=4, classes=3), 1000)
    for projections, classes in ((3, 3), (4, 2)):
        with pytest.raises(ValueError, match="expected 4 of 3"):
            detector.update(draw(random, 1, projections, classes))


def test_observations_are_stacked() -> None:
    observations = draw(np.random.default_rng(10), 5)
    assert np.array_equal(stack_observations(rows(observations)).outputs, observations.outputs)
