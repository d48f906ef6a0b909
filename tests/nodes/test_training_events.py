"""What a page that comes late can ask the server of a training, and of a file."""

import asyncio
import json
from types import SimpleNamespace

import folder_paths
import pytest
import torch
from comfy.model_management import InterruptProcessingException
from concept_sliders.nodes import routes, training_events
from concept_sliders.nodes.progress import TrainingProgress
from safetensors.torch import save_file

PNGINFO = {"workflow": {"id": "of-the-page"}}


@pytest.fixture
def sent(monkeypatch):
    messages = []
    server = SimpleNamespace(
        send_sync=lambda *message: messages.append(message), send_progress_text=lambda *_: None
    )
    monkeypatch.setattr(training_events, "server_instance", lambda: server)
    monkeypatch.setattr(training_events, "_latest", None)
    return messages


def step(progress, number, steps=3, loss=0.5):
    done = SimpleNamespace(step=number, steps=steps, losses={"loss": loss}, learning_rate=1e-4, seconds=0.1)
    progress.step(done)


def answer(route, **query):
    return json.loads(asyncio.run(route(SimpleNamespace(query=query))).text)


def test_a_late_page_gets_the_whole_curve_and_every_page_gets_each_step(sent):
    assert answer(routes._training) == {}
    with TrainingProgress(3, "7", PNGINFO) as progress:
        for number in (1, 2):
            step(progress, number)
        asked = answer(routes._training)
    assert asked["curve"] == [[1, {"loss": 0.5}], [2, {"loss": 0.5}]]
    assert (asked["node_id"], asked["workflow_id"], asked["step"]) == ("7", "of-the-page", 2)
    assert "ended" not in asked and answer(routes._training)["ended"] == "finished"
    assert [len(message) for message in sent] == [2] * 3, "a message to one client only"
    assert all(data["workflow_id"] == "of-the-page" for _, data in sent)


@pytest.mark.parametrize("error, how", [(InterruptProcessingException, "stopped"), (ValueError, "failed")])
def test_it_says_how_a_training_ended(sent, error, how):
    with pytest.raises(error), TrainingProgress(3, "7", PNGINFO):
        raise error
    assert sent[-1][1]["ended"] == how


def test_a_long_curve_stays_short_and_has_both_ends(sent):
    with TrainingProgress(5000, "7", PNGINFO) as progress:
        for number in range(1, 5001):
            progress.events.step(step=number, steps=5000, loss={"loss": 1.0})
    steps = [number for number, _ in answer(routes._training)["curve"]]
    assert len(steps) <= 2 * training_events.POINTS and steps[0] == 1 and steps[-1] > 4900


def test_the_range_of_a_file_and_of_nothing_else(tmp_path, monkeypatch):
    folders = ([str(tmp_path / "loras")], {".safetensors"})
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "loras", folders)
    (tmp_path / "loras").mkdir()
    tensors = {"a": torch.zeros(1)}
    save_file(tensors, tmp_path / "loras" / "smile.safetensors", {"usable_range": "[-1, 1.5]"})
    save_file(tensors, tmp_path / "loras" / "plain.safetensors")
    save_file(tensors, tmp_path / "outside.safetensors", {"usable_range": "[-1, 1.5]"})
    (tmp_path / "loras" / "broken.safetensors").write_bytes(b"no slider")
    assert answer(routes._range, file="smile.safetensors") == {
        "usable_range": [-1, 1.5],
        "curve_range": [-1, 1.5],
    }
    for other in ("plain.safetensors", "broken.safetensors", "../outside.safetensors", "none", ""):
        assert answer(routes._range, file=other) == {"usable_range": None, "curve_range": None}
