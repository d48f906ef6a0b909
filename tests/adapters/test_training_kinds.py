"""Every kind trains on a model as ComfyUI's nodes hold it, and its file goes both ways."""

from dataclasses import replace

import pytest
import torch
from comfy.model_management import load_models_gpu
from comfy.sd import load_lora_for_models
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.data import Cycle
from concept_sliders.slider_core.training import train
from small_training import buckets, request
from tiny_models import tiny_call

KINDS = {
    "lora": AdapterConfig("lora", 4),
    "rslora": AdapterConfig("lora", 4, options={"rslora": True, "dropout": 0.1, "rank_dropout": 0.1}),
    "dora": AdapterConfig("lora", 4, options={"dora": True}),
    "loha": AdapterConfig("loha", 2),
    "lokr": AdapterConfig("lokr", 2),
    "oft": AdapterConfig("oft", 4),
    "boft": AdapterConfig("boft", 64),
    "glora": AdapterConfig("glora", 2),
    "ia3": AdapterConfig("ia3"),
    "dylora": AdapterConfig("dylora", 4),
    "full": AdapterConfig("full"),
}


def in_stock_loader(model, slider, strength):
    loaded, _ = load_lora_for_models(model, None, slider, strength, 0)
    load_models_gpu([loaded])
    return loaded.model.apply_model(**tiny_call("sd3"))


@pytest.mark.parametrize("kind", KINDS)
def test_both_signs_learn_and_the_loss_falls(model, kind):
    rate = 5e-2 if kind in ("ia3", "oft", "boft") else 1e-2
    settings = request(model, Cycle(buckets(neutral=False)), steps=24, learning_rate=rate)
    plan = uniform_plan([target for target, _ in settings.plan], KINDS[kind])
    trained = train(replace(settings, plan=plan))
    losses = trained.losses["loss"]
    assert sum(losses[-8:]) < sum(losses[:8])
    with torch.inference_mode():
        plus, base, minus = (in_stock_loader(model, trained.slider, s).flatten() for s in (0.5, 0.0, -0.5))
    assert torch.cosine_similarity(plus - base, minus - base, dim=0) < -0.3
