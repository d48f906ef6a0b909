"""When memory runs out, a step is made to fit by ways that leave the slider as it is, or says what is missing."""

import pytest
import torch
from comfy.model_management import is_oom
from concept_sliders.slider_core.gradients import saved_tensors
from concept_sliders.slider_core.training import Message, loop, train
from concept_sliders.slider_core.training.fit import Fit, OpenAgain
from small_training import request
from tiny_models import tiny_model

ERRORS = [torch.OutOfMemoryError(), torch.AcceleratorError("CUDA error: out of memory")]


def running_out(monkeypatch, enough, error=ERRORS[0]):
    """Lets memory run out in every step of which `enough(run)` is not true, after its gradients are made."""
    real = loop._Run._gradients

    def gradients(run, turn, step):
        made = real(run, turn, step)
        if not enough(run):
            raise error
        return made

    monkeypatch.setattr(loop._Run, "_gradients", gradients)


def messages_of(wanted):
    events = []
    slider = train(wanted, events.append).slider
    return slider, [event.text for event in events if isinstance(event, Message)]


@pytest.mark.parametrize("error", ERRORS, ids=type)
def test_rows_are_split_and_then_blocks_run_again(monkeypatch, error):
    expected, silent = messages_of(request(tiny_model("sd3"), steps=3))
    running_out(monkeypatch, lambda run: run.fit.checkpointing, error)
    slider, said = messages_of(request(tiny_model("sd3"), steps=3))
    assert not silent and [text.split(": ")[1].split(".")[0] for text in said] == [
        "of 3 rows in a call, now 2",
        "of 2 rows in a call, now 1",
        "gradient checkpointing is on now",
    ]
    for key, tensor in expected.items():
        torch.testing.assert_close(slider[key], tensor, rtol=1e-3, atol=1e-5)


def test_on_a_card_what_blocks_are_given_waits_in_main_memory_first(monkeypatch):
    monkeypatch.setattr(saved_tensors, "LARGE", 1)
    expected, _ = messages_of(request(tiny_model("sd3"), steps=3, gradient_checkpointing=True))
    real, moved = Fit.__init__, []

    def on_a_card(fit, *args):
        real(fit, *args)
        fit._on_card = True

    class Elsewhere(saved_tensors.Elsewhere):
        def __init__(self, tensor):
            super().__init__(tensor)
            moved.append(tensor)

    monkeypatch.setattr(Fit, "__init__", on_a_card)
    monkeypatch.setattr(saved_tensors, "Elsewhere", Elsewhere)
    running_out(monkeypatch, lambda run: run.saved.offload)
    slider, said = messages_of(request(tiny_model("sd3"), steps=3, gradient_checkpointing=True))
    assert moved and len(said) == 1 and "now waits in main memory" in said[0]
    assert all(torch.equal(slider[key], tensor) for key, tensor in expected.items())


def test_where_no_way_is_left_it_says_what_is_missing_and_what_to_lower(monkeypatch):
    running_out(monkeypatch, lambda run: False)
    model = tiny_model("sd3")
    with pytest.raises(
        torch.OutOfMemoryError, match="does not fit into memory.* Lower the resolution"
    ) as raised:
        train(request(model, steps=3))
    assert is_oom(raised.value)


@pytest.mark.parametrize(
    "said",
    [
        "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 7.60 GiB.",
        "Allocation on device 0 would exceed allowed memory. (out of memory)\nCurrently allocated     : 6.10 GiB\n"
        "Requested               : 1.50 GiB\nDevice limit            : 7.60 GiB",
    ],
)
def test_the_missing_memory_is_read_from_what_torch_says(monkeypatch, said):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**30, int(7.6 * 2**30)))
    fit = Fit(
        request(tiny_model("sd3"), rows_at_once=1, gradient_checkpointing=True),
        saved_tensors.SavedTensors(),
        print,
    )
    fit._on_card, fit._saved.offload = True, True
    with pytest.raises(
        torch.OutOfMemoryError, match=r"7.6 GB.* 1.50 GB more where 1.00 .* 0.50 GB are missing"
    ):
        fit.smaller(said, 2)


def test_the_model_is_opened_anew_for_checkpointing():
    fit = Fit(request(tiny_model("sd3"), rows_at_once=1), saved_tensors.SavedTensors(), lambda event: None)
    with pytest.raises(OpenAgain):
        fit.smaller("out of memory", 2)
    assert fit.checkpointing
