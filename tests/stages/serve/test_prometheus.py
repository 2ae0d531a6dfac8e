"""A real Prometheus scrapes two services under load: every query of the dashboard has data, and no counter falls."""

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import pupila
from tests.colours import write_colours, write_pointing
from tests.pictures import encoded, photo
from tests.stages.serve.monitoring import FOLDER, fill_in, list_queries, read_alerts
from tests.stages.serve.prometheus import PAUSE, PAUSES, run_prometheus
from tests.stages.serve.test_metrics import send

PHOTOS = [encoded(photo(seed, 60, 40), "JPEG") for seed in range(8)]
SCRAPES = 12
GROWING = re.compile("pupila_.+_(total|bucket|count|sum)")
INTERVAL, WINDOW = "250ms", "2s"
pytestmark = pytest.mark.slow


@contextmanager
def load(plain: str, promptable: str) -> Iterator[None]:
    """Within it clients send images, batches, prompts and files that are no images; each gets what it should."""
    stop = threading.Event()
    statuses: list[tuple[int, ...]] = []

    def client(number: int) -> None:
        while not stop.is_set():
            for image in PHOTOS[number:]:
                point = [("points", f"[[{1 + number},3]]")]
                statuses.append((send(plain, image), send(promptable, image, route="/segment", fields=point)))
            statuses.append((send(plain, *PHOTOS, route="/predict/batch"), send(plain, b"no image")))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {(200, 200), (200, 415)}


def test_prometheus_has_data_for_every_panel_and_no_counter_falls(tmp_path: Path) -> None:
    shutil.copy(str(FOLDER / "alerts.yml"), tmp_path)
    plain, promptable = write_colours(tmp_path / "a").folder, write_pointing(tmp_path / "b").folder
    with pupila.serve(plain, threads=1) as first, pupila.serve(promptable, threads=1) as second:
        addresses = [service.url.removeprefix("http://") for service in (first, second)]
        with load(*addresses), run_prometheus(tmp_path, addresses, INTERVAL) as prometheus:
            for _ in range(PAUSES):
                scrapes = prometheus.query("sum_over_time(up[10m])")  # successful ones of each target
                if len(scrapes) == 2 and min(float(series["value"][1]) for series in scrapes) >= SCRAPES:
                    break
                threading.Event().wait(PAUSE)
            else:
                pytest.fail(f"targets that are down: {prometheus.query('up == 0')}")
            empty = [
                query for query in list_queries()
                if not prometheus.query(fill_in(query.expression, "pupila", WINDOW))
            ]  # fmt: skip
            growing = [name for name in prometheus.get("label/__name__/values") if GROWING.fullmatch(name)]
            resets = {
                name: series["value"][1]
                for name in growing
                for series in prometheus.query(f"max(resets({name}[10m]))")
            }
            rules = prometheus.get("rules")["groups"][0]["rules"]
            alerts = prometheus.get("alerts")["alerts"]
            served = prometheus.query("sum(pupila_predictions_total)")
    assert empty == []
    assert len(resets) > 20 and set(resets.values()) == {"0"}
    assert {rule["name"]: rule["health"] for rule in rules} == dict.fromkeys(read_alerts(), "ok")
    assert not [alert for alert in alerts if alert["state"] == "firing"]
    assert float(served[0]["value"][1]) > 0
