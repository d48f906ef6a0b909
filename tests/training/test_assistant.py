"""Other adapters on the model while a slider is trained."""

import pytest
import torch
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.data import Cycle
from concept_sliders.slider_core.deltas.joint import Cast
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.training import RequestError, train
from small_training import LAYERS, buckets, request


def test_an_assistant_is_on_at_one_for_every_sign_and_is_not_in_the_file(model):
    assistant = train(request(model, steps=20, learning_rate=3e-2)).slider
    cycle = Cycle(buckets(neutral=False))
    losses = [train(request(model, cycle, steps=1, assistant=a)).losses for a in (None, assistant)]
    # With no slider yet, both signs see the assistant alone: their losses change as if it were merged at +1.
    merged = apply_slider(model, AppliedSlider(deltas_for(model, assistant)[0], 1.0))
    expected = train(request(merged, cycle, steps=1)).losses
    for sign in ("positive", "negative"):
        assert losses[1][sign][0] == pytest.approx(expected[sign][0], rel=1e-5)
        assert losses[1][sign][0] != pytest.approx(losses[0][sign][0], rel=1e-3)
    assert set(train(request(model, cycle, steps=1, assistant=assistant)).slider) == set(assistant)
    with pytest.raises(RequestError, match="No layer of the assistant"):
        train(request(model, assistant={"other.lora_up.weight": torch.ones(2, 2)}))


def test_an_assistant_and_a_start_may_have_weights_of_8_bits(model):
    """As ComfyUI's own Load LoRA Model gives them from a file in fp8."""
    slider = train(request(model, steps=2, learning_rate=1e-2)).slider
    in_fp8 = {k: v if v.ndim < 2 else v.to(torch.float8_e4m3fn) for k, v in slider.items()}
    exact = {k: v if v.ndim < 2 else v.half() for k, v in in_fp8.items()}
    losses = [train(request(model, assistant=a, start_from=a)).losses["loss"] for a in (in_fp8, exact)]
    assert losses[0] == losses[1]


def test_of_a_slider_for_some_of_the_steps_one_copy_is_made_and_nothing_is_left(model, monkeypatch):
    """It is not in the weights, so each model call of the training adds it to the layers' outputs."""
    layer = LAYERS[0].removesuffix(".weight")
    lora = {f"{layer}.lora_up.weight": torch.ones(128, 4), f"{layer}.lora_down.weight": torch.ones(4, 128)}
    deltas, _ = deltas_for(model, lora | {f"{layer}.dora_scale": torch.ones(128, 1)})
    plain, _ = deltas_for(model, {key.replace(".0.", ".1."): value for key, value in lora.items()})
    slid = apply_slider(model, AppliedSlider(deltas | plain, end_percent=0.9))
    made, cast = [], Cast.__init__
    monkeypatch.setattr(Cast, "__init__", lambda *args: made.append(args) or cast(*args))
    train(request(slid))
    assert len(made) == 2  # of the slider that is applied, and of the one that is trained
    (magnitudes,) = deltas[layer]
    assert not magnitudes.tensors.copies and magnitudes._factor is None
