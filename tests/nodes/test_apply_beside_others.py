"""A slider in the weights beside merges, stock LoRAs, compiled models, hooks and other guiders."""

import comfy_extras.nodes_custom_sampler as custom_sampler
import pytest
import torch
from comfy import hooks
from comfy.cli_args import args
from comfy.model_management import load_models_gpu
from comfy_api.torch_helpers import set_torch_compile_wrapper
from comfy_extras.nodes_context_windows import ContextWindowsManualNode
from comfy_extras.nodes_model_merging import ModelMergeSimple
from small_sampling import apply, at, close, prompt, sample, slider, stock
from tiny_models import shared_model, tiny_model


@pytest.fixture
def model():
    with torch.inference_mode():
        yield shared_model("sd3")


@pytest.fixture
def prompts():
    return prompt("sd3", 1), prompt("sd3", 2)


def test_a_merge_and_a_saved_model_have_the_slider_at_its_strength(model, prompts):
    positive, negative = prompts
    lora = slider("sd3")
    slid, theirs = apply(model, lora, 0.8), stock(model, lora, 0.8)

    def merged(with_slider):
        return ModelMergeSimple().merge(with_slider, model, 0.25)[0]

    assert close(sample(merged(slid), positive, negative), sample(merged(theirs), positive, negative))
    assert not close(sample(merged(slid), positive, negative), sample(slid, positive, negative))
    other_way = ModelMergeSimple().merge(model, slid, 0.25)[0]
    expected = ModelMergeSimple().merge(model, theirs, 0.25)[0]
    assert close(sample(other_way, positive, negative), sample(expected, positive, negative))
    saved = []
    for patcher in (slid, theirs):
        load_models_gpu([patcher])
        saved.append({k: v.clone() for k, v in patcher.state_dict_for_saving().items()})
    assert all(torch.allclose(value, saved[1][key], atol=1e-6) for key, value in saved[0].items())


def test_strengths_for_each_prompt_behind_a_merge_are_refused(model, prompts):
    positive, negative = prompts
    slid = apply(model, slider("sd3"), 0.8)
    merged = ModelMergeSimple().merge(slid, model, 0.25)[0]
    with pytest.raises(ValueError, match="merged after a slider"):
        sample(merged, at(positive, "1"), at(negative, "0"))
    late = ModelMergeSimple().merge(apply(model, slider("sd3"), 0.8, start_percent=0.5), model, 0.25)[0]
    with pytest.raises(ValueError, match="merged after a slider"):
        sample(late, positive, negative)
    # A slider before the merge stays as it was merged, one behind it can have strengths for each prompt.
    both = apply(merged, slider("sd3", 1), 0.5)
    with pytest.raises(ValueError, match="No slider here has a name"):
        sample(both, at(positive, "1, 0.5", "named"), negative, count=2)
    named = apply(merged, slider("sd3", 1), 0.0, name="named")
    got = sample(named, at(positive, "0.5, 0", "named"), negative, count=2)
    assert close(got[:1], sample(both, positive, negative)) and close(
        got[1:], sample(merged, positive, negative)
    )
    changed = sample(named, at(positive, "0.5", "named"), negative)
    assert close(changed, sample(both, positive, negative))
    # The right order: first the merge, then the slider.
    merged = ModelMergeSimple().merge(stock(model, slider("sd3"), 1.0), model, 0.25)[0]
    sample(apply(merged, slider("sd3", 1), 0.8), at(positive, "1"), at(negative, "0"))


def test_a_stock_lora_before_or_behind_the_slider_changes_nothing_for_it(model, prompts):
    positive, negative = prompts
    one, two = slider("sd3", 1), slider("sd3", 2)
    expected = sample(stock(stock(model, one, 0.6), two, -0.9), positive, negative)
    assert close(sample(apply(stock(model, two, -0.9), one, 0.6), positive, negative), expected)
    behind = stock(apply(model, one, 0.6), two, -0.9)
    assert close(sample(behind, positive, negative), expected)
    by_rows = sample(behind, at(positive, "0.6, 0"), negative, count=2)
    assert close(by_rows[:1], expected)
    assert close(by_rows[1:], sample(stock(model, two, -0.9), positive, negative, count=2)[1:])


@pytest.mark.parametrize("slider_first", [False, True])
def test_a_compiled_model_has_the_slider_in_every_order_of_runs(model, prompts, slider_first):
    positive, negative = prompts
    lora, plain = slider("sd3"), sample(model, positive, negative)
    expected = sample(apply(model, lora, 0.7), positive, negative)
    late = sample(apply(model, lora, 0.7, start_percent=0.5), positive, negative)
    if slider_first:
        slid, half = apply(model, lora, 0.7), apply(model, lora, 0.7, start_percent=0.5)
        for patcher in (slid, half):
            set_torch_compile_wrapper(patcher, backend="eager")
    else:
        model = model.clone()
        set_torch_compile_wrapper(model, backend="eager")
        assert close(sample(model, positive, negative), plain)
        slid, half = apply(model, lora, 0.7), apply(model, lora, 0.7, start_percent=0.5)
    assert close(sample(slid, at(positive, "0"), negative), plain)
    assert close(sample(slid, positive, negative), expected)
    assert close(sample(half, positive, negative), late) and not close(late, expected)
    assert close(sample(slid, at(positive, "0.7, 0"), negative, count=2)[:1], expected)
    assert close(sample(slid, at(positive, "0"), negative), plain)


def test_cuda_graphs_are_off_while_something_is_attached(model, prompts, monkeypatch):
    """ComfyUI 0.33 has this setting, and replays graphs that it has captured, past every hook."""
    monkeypatch.setattr(args, "disable_cuda_graphs", False, raising=False)
    seen, layer = [], model.model.get_submodule("diffusion_model.joint_blocks.0.x_block.attn.proj")
    forward = layer.forward
    monkeypatch.setattr(
        layer, "forward", lambda *given: seen.append(args.disable_cuda_graphs) or forward(*given)
    )
    slid = apply(model, slider("sd3"), 0.7)
    sample(slid, *prompts)
    assert not any(seen) and seen
    seen.clear()
    sample(slid, at(prompts[0], "0.7, 0"), prompts[1], count=2)
    assert all(seen) and seen and not args.disable_cuda_graphs


def test_a_second_model_in_a_guider_is_left_alone(model, prompts):
    """Guider and model_options are one for both: the slider is on the first alone, in the weights or by rows."""
    positive, negative = prompts
    lora, other = slider("sd3"), tiny_model("sd3", seed=1)
    sigmas = custom_sampler.BasicScheduler.execute(model, "simple", 2, 1.0).result[0]

    def run(patcher, positive, negative):
        guider = custom_sampler.DualModelGuider.execute(patcher, positive, 3.0, other, negative).result[0]
        given = (
            custom_sampler.Noise_RandomNoise(7),
            guider,
            custom_sampler.KSamplerSelect.execute("euler").result[0],
        )
        latent = {"samples": torch.zeros(1, 16, 8, 8)}
        return custom_sampler.SamplerCustomAdvanced.execute(*given, sigmas, latent).result[0]["samples"]

    expected = run(stock(model, lora, 0.7), positive, negative)
    assert close(run(apply(model, lora, 0.7), positive, negative), expected)
    assert close(run(apply(model, lora, 0.2), at(positive, "0.7"), at(negative, "0.3")), expected)


def test_a_lora_that_a_prompt_brings_as_a_hook_works_beside_the_slider(model, prompts):
    positive, negative = prompts
    lora, hooked = slider("sd3", 1), slider("sd3", 2)

    def with_hook(conditioning):
        group = hooks.create_hook_lora(hooked, 0.6, 0.0)
        return hooks.set_hooks_for_conditioning(conditioning, group)

    slid = apply(model, lora, 0.7)
    expected = sample(stock(stock(model, lora, 0.7), hooked, 0.6), positive, negative, cfg=1.0)
    alone = sample(stock(model, hooked, 0.6), positive, negative, cfg=1.0)
    assert close(sample(slid, with_hook(positive), negative, cfg=1.0), expected)
    for _ in range(2):
        by_rows = sample(slid, with_hook(at(positive, "0.7, 0")), negative, count=2, cfg=1.0)
        assert close(by_rows[:1], expected) and close(by_rows[1:], alone)
    assert close(
        sample(slid, positive, negative, cfg=1.0), sample(stock(model, lora, 0.7), positive, negative, cfg=1.0)
    )


def test_context_windows_over_the_latents_have_the_strengths_of_their_latents(model, prompts):
    positive, negative = prompts
    lora = slider("sd3")

    def windowed(model):
        return ContextWindowsManualNode.execute(
            model, context_length=2, context_overlap=0, context_schedule="standard_static", context_stride=1,
            closed_loop=False, fuse_method="flat", dim=0, freenoise=False,
        ).result[0]  # fmt: skip

    together = sample(windowed(apply(model, lora, 0.0)), at(positive, "-1, 0, 0.5, 1"), negative, count=4)
    for row, strength in enumerate((-1.0, 0.0, 0.5, 1.0)):
        assert close(together[row : row + 1], sample(apply(model, lora, strength), positive, negative))
