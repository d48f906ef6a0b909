"""Files that change the norms of queries and keys, also where ComfyUI fuses these with the rotary embedding."""

import comfy.sd
import pytest
import torch
from comfy.model_management import load_models_gpu
from comfy.model_patcher import create_model_options_clone
from comfy.sampler_helpers import prepare_model_patcher
from concept_sliders.slider_core.applying.applied import BY_ROW, READER, AppliedSlider, ByRow
from concept_sliders.slider_core.applying.apply import apply_slider
from concept_sliders.slider_core.lora.reading import deltas_for
from families import TINY
from tiny_models import shared_model, tiny_call

FUSED = {name: tiny.fused_norms for name, tiny in TINY.items() if tiny.fused_norms}
STRENGTHS = [-0.7, 0.0, 1.3, 1.3]


def changes(name, kind, seed):
    random, state = torch.Generator().manual_seed(seed), shared_model(name).model.diffusion_model.state_dict()
    return {
        f"diffusion_model.{norm}.{kind}": 1 + 0.5 * torch.randn(state[f"{norm}.weight"].shape, generator=random)
        for norm in FUSED[name]
    }


def call(name, patcher, rows, sliders=(), strengths=()):
    """A model call of `rows` rows that have these strengths, made as a sampler makes it."""
    load_models_gpu([patcher])
    options = create_model_options_clone(patcher.model_options)
    prepare_model_patcher(patcher, {}, options)
    given = options["transformer_options"] | {BY_ROW: sliders, READER: {None: list(strengths)}}
    inputs = {
        key: value[:1].repeat(rows, *[1] * (value.ndim - 1))
        if torch.is_tensor(value) and len(value) == 2
        else value
        for key, value in tiny_call(name).items()
    }
    return patcher.model.apply_model(**inputs, transformer_options=given)


@pytest.mark.parametrize("kind", ["diff", "set_weight"])
@pytest.mark.parametrize("name", FUSED)
@torch.no_grad()
def test_each_row_as_comfyui_would_make_it(name, kind):
    model = shared_model(name)
    files = changes(name, kind, 0), changes(name, "diff", 1)
    slid = model
    for lora in files:
        deltas, unused = deltas_for(model, lora)
        assert len(deltas) == 2 and not unused
        slid = apply_slider(slid, AppliedSlider(deltas, 0.0))
    sliders = [ByRow(placed.slider, {}) for placed in slid.get_attachment("concept_sliders").placed]
    got = call(name, slid, 4, sliders, STRENGTHS)
    base = call(name, model, 4)[1]
    assert torch.equal(got[1], base)
    for row, strength in enumerate(STRENGTHS):
        stock = model
        for lora in files if strength else ():
            stock = comfy.sd.load_lora_for_models(stock, None, lora, strength, 0)[0]
        expected = call(name, stock, 4)[row]
        effect = (expected - base).abs().max()
        assert not strength or effect > 1e-4
        assert (got[row] - expected).abs().max() <= 1e-3 * effect + 1e-6
