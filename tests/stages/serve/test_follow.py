"""Following: the model is swapped between requests, and whatever fails leaves the current one in place."""

import asyncio
import gc
import logging
import shutil
import sys
import threading
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from pupila.artifacts.bundle.folder import Bundle, read_bundle, write_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.registry.watch import AliasWatch, FolderWatch, Target, find_watch
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.imaging.images.decode import Array
from pupila.stages.serve.batcher import Batcher, WaitingImage
from pupila.stages.serve.embeddings import Embeddings
from pupila.stages.serve.follow import Follower
from pupila.stages.serve.settings import ServeSettings
from tests.artifacts.bundle.sealed import edit_info, read_fields
from tests.colours import SIDE, info, plain, write_colours, write_painted, write_pointing
from tests.pictures import encoded

SETTINGS = ServeSettings(threads=2, max_batch_size=16)
RED, GREEN = encoded(plain(255, 0, 0)), encoded(plain(0, 255, 0))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Two classifiers, one with other classes, and one of another task; never changed."""
    root = tmp_path_factory.mktemp("served")
    return [
        write_colours(root / "a", scale=1.0),
        write_colours(root / "b", scale=5.0),
        write_colours(root / "c", classes=["cyan", "green", "blue"]),
        write_painted(root / "d"),
    ]


class Pointer:
    """Names a bundle, as an alias does; or can't be read."""

    source = "registry:colours@production"

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.number, self.loads = bundle, 1, 0
        self.fault: Exception | None = None

    def find_target(self) -> Target:
        if self.fault is not None:
            raise self.fault
        bundle = self.bundle

        def load() -> Bundle:
            self.loads += 1
            return read_bundle(bundle.folder)

        return Target(bundle.hash, bundle.hash, self.number, load)

    def move(self, bundle: Bundle) -> None:
        self.bundle, self.number = bundle, self.number + 1


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING, "uvicorn.error"):
        yield caplog


async def ask(batcher: Batcher, data: bytes) -> tuple[str, float]:
    """Version and confidence of one request, as the routes ask for them."""
    with batcher.queue.reserve(), batcher.slot.lease() as predictor:
        prediction: Any = (await batcher.predict([partial(bytes, data)], predictor))[0]
        return predictor.bundle.hash, prediction.confidence


def confidence(bundle: Bundle, data: bytes) -> float:
    predictor = Predictor(bundle)
    return float(predictor.predict_batch([predictor.preprocess(data)])[0].confidence)


def run_following(pointer: Pointer, scenario: Any) -> Any:
    async def whole() -> Any:
        batcher = Batcher(Predictor(pointer.bundle), SETTINGS)
        try:
            return await scenario(batcher, Follower(pointer, batcher, 1))
        finally:
            batcher.close()

    return asyncio.run(whole())


def test_a_moved_alias_swaps_the_model(served: list[Bundle], log: pytest.LogCaptureFixture) -> None:
    pointer = Pointer(served[0])

    async def scenario(batcher: Batcher, follower: Follower) -> list[Any]:
        results = [await ask(batcher, RED)]
        await follower.poll()
        results.append(await ask(batcher, RED))
        pointer.move(served[1])
        await follower.poll()
        return [*results, await ask(batcher, RED), follower.describe()]

    first, second, third, following = run_following(pointer, scenario)
    expected = [(bundle.hash, pytest.approx(confidence(bundle, RED))) for bundle in served[:2]]
    assert [first, second, third] == [expected[0], expected[0], expected[1]]
    assert (following.version, following.swaps, following.failures, following.problem) == (2, 1, 0, None)
    assert following.source == "registry:colours@production"
    assert pointer.loads == 1
    assert log.messages == [
        f"registry:colours@production: model {served[0].hash[:12]} was replaced by {served[1].hash[:12]}."
    ]


@pytest.mark.parametrize("harm", ["file", "golden", "task"])
def test_a_bad_bundle_leaves_the_old_one_in_place_and_is_reported_once(
    harm: str, served: list[Bundle], tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    bad = read_bundle(shutil.copytree(served[1].folder, tmp_path / "bad"))
    if harm == "file":
        (tmp_path / "bad/model.onnx").write_bytes(b"rot")
    elif harm == "golden":
        golden = read_fields(tmp_path / "bad")["golden"]
        changed = {name: {label: [9.0] for label in values} for name, values in golden.items()}
        bad = read_bundle(edit_info(tmp_path / "bad", golden=changed))
    else:
        bad = served[3]
    pointer = Pointer(served[0])

    async def scenario(batcher: Batcher, follower: Follower) -> Any:
        pointer.move(bad)
        loads = []
        for _ in range(16):
            await follower.poll()
            loads.append(pointer.loads)
        refused = follower.describe()
        version = (await ask(batcher, RED))[0]
        pointer.move(served[2])
        await follower.poll()
        return loads, refused, version, follower.describe(), (await ask(batcher, RED))[0]

    loads, refused, version, healed, after = run_following(pointer, scenario)
    assert (version, after) == (served[0].hash, served[2].hash)
    assert loads[:8] == [1, 1, 2, 2, 2, 3, 3, 3]  # after 1, 2, 4, ... polls without a trial
    assert refused.failures == loads[-1] < 6
    assert (refused.version, refused.swaps) == (1, 0)
    expected = {
        "file": "model.onnx was changed",
        "golden": "predictions on this machine differ",
        "task": "can't swap to another task",
    }
    assert expected[harm] in refused.problem
    assert (healed.version, healed.swaps, healed.problem) == (3, 1, None)
    assert len(log.messages) == 3  # refused, replaced, other classes
    assert "serves on" in log.messages[0] and expected[harm] in log.messages[0]


def test_other_classes_are_swapped_and_logged(served: list[Bundle], log: pytest.LogCaptureFixture) -> None:
    pointer = Pointer(served[0])

    async def scenario(batcher: Batcher, follower: Follower) -> str:
        pointer.move(served[2])
        await follower.poll()
        return (await ask(batcher, RED))[0]

    assert run_following(pointer, scenario) == served[2].hash
    assert log.messages[1] == "The classes have changed: red, green, blue -> cyan, green, blue."


def test_a_registry_that_cant_be_read_is_reported_with_the_time(
    served: list[Bundle], log: pytest.LogCaptureFixture
) -> None:
    pointer = Pointer(served[0])

    async def scenario(batcher: Batcher, follower: Follower) -> list[Any]:
        states = []
        for fault in (PupilaError("Can't reach the store"), OSError("no route"), None):
            pointer.fault = fault
            await follower.poll()
            states.append(follower.describe())
        return [*states, await ask(batcher, RED)]

    first, second, third, prediction = run_following(pointer, scenario)
    assert first.unreachable_since == second.unreachable_since is not None
    assert first.last_poll is None
    assert (third.unreachable_since, third.last_poll is None) == (None, False)
    assert prediction[0] == served[0].hash
    assert [message.partition(",")[0] for message in log.messages] == [
        "registry:colours@production can't be read", "registry:colours@production can be read again."]  # fmt: skip


class Held(Predictor):
    """A predictor whose model answers only once it is let go."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.begun, self.let_go = threading.Event(), threading.Event()

    def logits(self, pixels: Array, all_cores: bool = False) -> Array:
        self.begun.set()
        assert self.let_go.wait(60)
        return super().logits(pixels, all_cores)


def test_requests_keep_the_model_that_they_began_with_and_it_is_freed_after_them(
    served: list[Bundle],
) -> None:
    async def scenario() -> Any:
        old = Held(served[0])
        old.let_go.set()
        batcher = Batcher(old, ServeSettings(threads=2))
        old.begun.clear()
        old.let_go.clear()
        first = asyncio.ensure_future(ask(batcher, RED))
        await asyncio.to_thread(old.begun.wait, 60)
        waiting = [asyncio.ensure_future(ask(batcher, data)) for data in (RED, GREEN)]
        await asyncio.sleep(0)
        batcher.slot.swap(batcher.load(served[1]))
        later = asyncio.ensure_future(ask(batcher, GREEN))
        await asyncio.sleep(0)
        draining = batcher.slot.draining
        old.let_go.set()
        results = [await first, *[await other for other in waiting], await later]
        freed = weakref.ref(old)
        del old
        gc.collect()
        batcher.close()
        return results, draining, batcher.slot.draining, freed()

    results, draining, left, old = asyncio.run(scenario())
    assert [version for version, _ in results] == [served[0].hash] * 3 + [served[1].hash]
    for (version, actual), data in zip(results, (RED, RED, GREEN, GREEN), strict=True):
        bundle = next(bundle for bundle in served if bundle.hash == version)
        assert actual == pytest.approx(confidence(bundle, data))
    assert (draining, left, old) == (3, 0, None)


def test_a_batch_has_images_of_one_model_only(served: list[Bundle]) -> None:
    batcher = Batcher(Predictor(served[0]), SETTINGS)
    other = batcher.load(served[1])
    image = batcher.predictor.preprocess(RED)
    futures: list[Any] = [object() for _ in range(5)]
    models = [batcher.predictor, batcher.predictor, other, other, batcher.predictor]
    batcher._waiting.extend(
        WaitingImage(model, image, future, 0.0) for model, future in zip(models, futures, strict=True)
    )
    batches = [batcher._predict_waiting() for _ in range(4)]
    assert [[future for future, _ in batch] for batch in batches] == [
        futures[:2],
        futures[2:4],
        futures[4:],
        [],
    ]
    batcher.close()


def test_embeddings_of_an_earlier_model_are_not_used(tmp_path: Path) -> None:
    first, second = write_pointing(tmp_path / "a"), write_pointing(tmp_path / "b", made_by="another")

    async def scenario() -> Any:
        embeddings = Embeddings(Prompter(first, threads=1), SETTINGS)
        with embeddings.slot.lease() as old:
            image_id, _, _ = await embeddings.encode(partial(bytes, RED), old)
            embeddings.slot.swap(embeddings.load(second))
            known = [await embeddings.find_cached(image_id, old), await embeddings.find_cached(image_id)]
        embeddings.close()
        return [image is not None for image in known], embeddings.slot.current.bundle.hash

    assert asyncio.run(scenario()) == ([True, False], second.hash)


def test_only_what_can_change_is_watched() -> None:
    assert isinstance(find_watch("registry:octagons", "r/octagons/versions/1"), AliasWatch)
    assert isinstance(find_watch("registry:octagons@staging", "r/octagons/versions/1"), AliasWatch)
    assert find_watch("registry:octagons@3", "r/octagons/versions/3") is None
    assert find_watch("runs/first", "runs/first/bundle") is None
    assert isinstance(find_watch("s3://shop/first", "s3://shop/first/bundle"), FolderWatch)
    assert find_watch(object(), "s3://shop/first") is None


def test_a_bundle_in_a_store_that_is_replaced_file_by_file_is_served_when_it_is_whole(
    served: list[Bundle], log: pytest.LogCaptureFixture
) -> None:
    uri = "memory://models/colours"

    def copy(bundle: Bundle, name: str) -> None:
        files.write_bytes(files.join(uri, name), files.read_bytes(files.join(bundle.folder, name)))

    names = [*served[0].info.files, "bundle.json"]
    for name in names:
        copy(served[0], name)

    async def scenario() -> list[Any]:
        batcher = Batcher(Predictor(read_bundle(uri)), SETTINGS)
        follower, states = Follower(FolderWatch(uri), batcher, None), []
        for name in [None, "bundle.json", *names]:
            if name:
                copy(served[1], name)
            await follower.poll()
            states.append(batcher.slot.current.bundle.hash == served[1].hash)
        batcher.close()
        return [*states, follower.describe()]

    *states, following = asyncio.run(scenario())
    whole = next(number for number, name in enumerate([None, "bundle.json", *names]) if name == "model.onnx")
    assert not any(states[:whole]) and states[-1]
    assert (following.swaps, following.version, following.problem) == (1, None, None)


def heavy_model(seed: int) -> bytes:
    """An ONNX file of 15 MB for three classes."""
    rng = np.random.default_rng(seed)
    weights = [
        rng.normal(0, 0.01, shape).astype(np.float32) for shape in ((3 * SIDE * SIDE, 20_000), (20_000, 3))
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["pixels"], ["flat"]), helper.make_node("Gemm", ["flat", "0"], ["hidden"]),
         helper.make_node("Gemm", ["hidden", "1"], ["logits"])], "heavy",
        [value("pixels", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [value("logits", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(array, str(number)) for number, array in enumerate(weights)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_after_50_swaps_is_that_after_2(tmp_path: Path) -> None:
    parts = [{"model.onnx": heavy_model(seed), "card.md": b"# By hand\n"} for seed in (0, 1)]
    heavy = [write_bundle(tmp_path / str(number), info(), part) for number, part in enumerate(parts)]
    pointer = Pointer(heavy[0])

    async def scenario(batcher: Batcher, follower: Follower) -> list[float]:
        memory = []
        for number in range(1, 51):
            pointer.move(heavy[number % 2])
            await follower.poll()  # swaps
            assert (await ask(batcher, RED))[0] == pointer.bundle.hash
            await follower.poll()  # gives memory back
            memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6)
        return memory

    memory = run_following(pointer, scenario)
    print(f"serve: {memory[1]:.0f} MB after 2 swaps, {memory[-1]:.0f} MB after 50")
    # One model is in memory, and at times a freed one, too; 200 MB more without giving memory back.
    assert min(memory[-10:]) < memory[1] + 15
