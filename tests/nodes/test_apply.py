"""SliderApply and SliderStrength against the stock LoRA loader, through ComfyUI's own sampler."""

import gc
from weakref import ref

import comfy.sd
import comfy_extras.nodes_custom_sampler as comfy_custom_sampler
import nodes as comfy_nodes
import pytest
import torch
from concept_sliders.nodes import apply as nodes_apply
from concept_sliders.nodes.apply import SliderApply, SliderStrength
from concept_sliders.slider_core.files import Slider
from small_sampling import LAYERS, apply, at, close, prompt, sample, slider
from tiny_models import TinyVAE, shared_model, tiny_control_net, tiny_model


@pytest.fixture(params=["sd3", "flux"])
def family(request):
    return request.param


@pytest.fixture
def model(family):
    with torch.inference_mode():
        yield shared_model(family)


def test_five_strengths_in_one_run_equal_five_runs_with_the_stock_loader(model, family):
    positive, negative, lora = prompt(family, 1), prompt(family, 2), slider(family)
    five = "-2, -0.5, 0, 0.5, 2"
    together = sample(apply(model, lora, 9.0), at(positive, five), at(negative, five), count=5)
    base = sample(model, positive, negative)
    for row, strength in zip(together, [-2, -0.5, 0, 0.5, 2], strict=True):
        stock, _ = comfy.sd.load_lora_for_models(model, None, lora, strength, 0)
        expected = sample(stock, positive, negative)[0]
        assert close(row, expected)
        assert strength == 0 or not torch.allclose(row, base[0], atol=1e-3)


def test_strength_zero_is_the_base_model_exactly(model, family):
    positive, negative = prompt(family, 1), prompt(family, 2)
    assert torch.equal(
        sample(apply(model, slider(family), 0.0), positive, negative), sample(model, positive, negative)
    )


def step(model, positive, negative, cfg=3.0):
    """One step: guided = negative + cfg · (positive − negative), linear in both predictions."""
    latent = {"samples": torch.zeros(1, 16, 8, 8)}
    return comfy_nodes.common_ksampler(model, 7, 1, cfg, "euler", "simple", positive, negative, latent)[0][
        "samples"
    ]


def test_a_prompts_strength_holds_for_the_negative_too_unless_that_has_one_of_its_own(model, family):
    positive, negative, lora = prompt(family, 1), prompt(family, 2), slider(family)
    slid, base = apply(model, lora, 0.3), apply(model, lora, 0.0)
    both = sample(slid, at(positive, "1"), negative)
    assert close(both, sample(slid, at(positive, "1"), at(negative, "1")))
    assert close(both, sample(comfy.sd.load_lora_for_models(model, None, lora, 1.0, 0)[0], positive, negative))
    alone = step(base, at(positive, "1"), at(negative, "0"))
    expected = 3 * step(base, at(positive, "1"), negative, cfg=1.0) - 2 * step(
        base, negative, positive, cfg=1.0
    )
    assert close(alone, expected) and not close(alone, step(base, at(positive, "1"), negative))
    # A strength of the negative is for the negative alone.
    one_sided = step(base, positive, at(negative, "1"))
    expected = 3 * step(base, positive, negative, cfg=1.0) - 2 * step(
        base, at(negative, "1"), positive, cfg=1.0
    )
    assert close(one_sided, expected)


def test_a_prompts_strength_holds_in_other_guiders_too(model, family):
    positive, middle, negative, lora = (*(prompt(family, i) for i in (1, 3, 2)), slider(family))
    noise = comfy_custom_sampler.Noise_RandomNoise(7)
    sampler = comfy_custom_sampler.KSamplerSelect.execute("euler").result[0]
    sigmas = comfy_custom_sampler.BasicScheduler.execute(model, "simple", 4, 1.0).result[0]

    def run(model, positive, negative):
        node = comfy_custom_sampler.DualCFGGuider
        guider = node.execute(model, positive, middle, negative, 3.0, 2.0, "regular").result[0]
        latent = {"samples": torch.zeros(1, 16, 8, 8)}
        sampled = comfy_custom_sampler.SamplerCustomAdvanced.execute(noise, guider, sampler, sigmas, latent)
        return sampled.result[0]["samples"]

    stock = comfy.sd.load_lora_for_models(model, None, lora, 1.0, 0)[0]
    assert close(run(apply(model, lora, 0.0), at(positive, "1"), negative), run(stock, positive, negative))


@pytest.mark.parametrize("kind", ["masks", "areas", "masks, own negative", "areas, own negative"])
def test_each_region_has_its_prompts_strength_on_both_sides_of_guidance(model, family, kind):
    """Left at 1 and right at −1: the left half of one step is that of a run at 1, the right half of one at −1."""
    positive, negative, lora = prompt(family, 1), prompt(family, 2), slider(family)
    halves = torch.zeros(2, 8, 8)
    halves[0, :, :4] = halves[1, :, 4:] = 1

    def side(number, conditioning):
        if "areas" in kind:
            return comfy_nodes.ConditioningSetArea().append(conditioning, 32, 64, 32 * number, 0, 1.0)[0]
        return comfy_nodes.ConditioningSetMask().append(
            conditioning, halves[number : number + 1], "default", 1.0
        )[0]

    own = at(negative, "0.5") if "own" in kind else negative
    prompts = side(0, at(positive, "1")) + side(1, at(positive, "-1"))
    got = step(apply(model, lora, 0.0), prompts, own)
    for number, strength in enumerate(("1", "-1")):
        of_negative = "0.5" if "own" in kind else strength
        whole = apply(model, lora, 0.0)
        # Both sides of the region, so that areas are cut in both.
        alone = step(
            whole, side(0, at(positive, strength)) + side(1, at(positive, strength)), at(negative, of_negative)
        )
        columns = slice(4 * number, 4 * number + 4)
        assert close(got[..., columns], alone[..., columns])


def test_combined_prompts_keep_their_own_strengths(model, family):
    """Two prompts at half the picture each: ComfyUI averages their predictions."""
    left, right, negative, lora = prompt(family, 1), prompt(family, 3), prompt(family, 2), slider(family)
    both = sample(apply(model, lora, 0.0), at(left, "1") + at(right, "-1"), negative, cfg=1.0)
    swapped = sample(apply(model, lora, 0.0), at(left, "-1") + at(right, "1"), negative, cfg=1.0)
    assert not close(both, swapped)
    assert close(both, sample(apply(model, lora, -1.0), at(left, "1") + right, negative, cfg=1.0))


def test_sliders_stack_each_with_its_own_strength_also_of_opposite_sign(model, family):
    positive, negative, one, two = prompt(family, 1), prompt(family, 2), slider(family, 1), slider(family, 2)
    stacked = apply(apply(model, one, 0.7, name="one"), two, -1.2, name="two")
    stock, _ = comfy.sd.load_lora_for_models(model, None, one, 0.7, 0)
    stock, _ = comfy.sd.load_lora_for_models(stock, None, two, -1.2, 0)
    assert close(sample(stacked, positive, negative), sample(stock, positive, negative))

    picked = sample(stacked, at(positive, "0", "two"), at(negative, "0", "two"))
    alone, _ = comfy.sd.load_lora_for_models(model, None, one, 0.7, 0)
    assert close(picked, sample(alone, positive, negative))


def test_start_and_end_percent_bound_the_steps(model, family):
    positive, negative, lora = prompt(family, 1), prompt(family, 2), slider(family)
    base, full = sample(model, positive, negative), sample(apply(model, lora, 1.0), positive, negative)
    late = sample(apply(model, lora, 1.0, start_percent=0.5), positive, negative)
    early = sample(apply(model, lora, 1.0, end_percent=0.5), positive, negative)
    assert not any(
        close(one, other) for one, other in [(late, base), (late, full), (early, full), (early, late)]
    )
    assert torch.equal(sample(apply(model, lora, 1.0, start_percent=1.0), positive, negative), base)


def test_a_clone_or_another_branch_does_not_see_the_slider(model, family):
    positive, negative, lora = prompt(family, 1), prompt(family, 2), slider(family)
    before = sample(model, positive, negative)
    patched = apply(model, lora, 2.0)
    sample(patched, positive, negative)
    assert torch.equal(sample(model, positive, negative), before)
    assert torch.equal(sample(model.clone(), at(positive, "2"), negative), before)
    assert not any(module._forward_hooks for module in model.model.modules())


def test_a_strength_on_one_prompt_where_the_model_changes_the_order_of_prompts():
    """One step with cfg 3 is 3 times the positive prompt's prediction less 2 times the negative's, on SeedVR2 too."""
    with torch.inference_mode():
        base = shared_model("seedvr2")
        random = torch.Generator().manual_seed(0)
        layer, rows, columns = "diffusion_model.blocks.0.attn.proj_out.vid", 64, 64
        tensors = {
            f"{layer}.lora_up.weight": torch.randn(rows, 4, generator=random),
            f"{layer}.lora_down.weight": torch.randn(4, columns, generator=random),
        }
        slid = apply(base, Slider(tensors), 0.0)
        picture = torch.randn(1, 17, 1, 8, 8, generator=random)
        positive, negative = (
            [[torch.randn(1, 6, 5120, generator=random), {"condition": picture}]] for _ in range(2)
        )

        def step(model, positive, negative, cfg):
            latent = {"samples": torch.zeros(1, 16, 1, 8, 8)}
            sampled = comfy_nodes.common_ksampler(
                model, 7, 1, cfg, "euler", "simple", positive, negative, latent
            )
            return sampled[0]["samples"]

        guided = step(slid, at(positive, "1"), at(negative, "0"), 3.0)
        expected = 3 * step(slid, at(positive, "1"), negative, 1.0) - 2 * step(slid, negative, positive, 1.0)
        assert close(guided, expected)
        base_guided = step(slid, positive, negative, 3.0)
        assert close(
            base_guided, 3 * step(base, positive, negative, 1.0) - 2 * step(base, negative, positive, 1.0)
        )
        assert not close(guided, base_guided)


def test_a_new_strength_reads_nothing_again(model, family, monkeypatch, tmp_path):
    read, load, fit = [], nodes_apply.slider_of, nodes_apply.deltas_on
    monkeypatch.setattr(nodes_apply, "slider_of", lambda *given: read.append("file") or load(*given))
    monkeypatch.setattr(nodes_apply, "deltas_on", lambda *given: read.append("fit") or fit(*given))
    one, two = slider(family, 1), slider(family, 2)
    for strength in (1.0, 0.5, 0.25):
        apply(apply(model, one, strength), two, strength)
    assert read == ["file", "fit"] * 2
    apply(tiny_model(family), one, 1.0)  # another model of the same kind
    assert read == ["file", "fit"] * 3


def test_a_slider_made_in_the_place_of_one_that_is_gone_is_another(family):
    """Python gives the address of a slider that nobody holds any more to the next one."""
    other, lora = tiny_model(family), slider(family)
    first = Slider(lora)
    apply(other, first, 1.0)
    address, sliders = id(first), []
    del first
    while len(sliders) < 1000 and not (sliders and id(sliders[-1]) == address):
        sliders.append(Slider({key: 2 * value for key, value in lora.items()}))
    key = next(key for key in lora if key.endswith("lora_up.weight"))
    assert torch.equal(nodes_apply._read(other, sliders[-1], "")[0][key], 2 * lora[key])


def test_a_model_that_is_gone_is_not_kept_by_what_was_read_for_it(family):
    other = tiny_model(family)
    layer = ref(other.model.get_submodule(f"diffusion_model.{LAYERS[family].format(0, 'qkv')}"))
    apply(other, slider(family), 1.0)
    del other
    gc.collect()
    assert layer() is None


def test_bad_input_is_named(model, family):
    with pytest.raises(ValueError, match="choose a file"):
        SliderApply.execute(1.0, model=model)
    with pytest.raises(ValueError, match="either a model or a control_net"):
        SliderApply.execute(1.0, slider=slider(family))
    foreign = Slider({f"x.lora_{side}.weight": torch.ones(2, 2) for side in ("up", "down")})
    with pytest.raises(ValueError, match="No layer"):
        SliderApply.execute(1.0, model=model, slider=foreign)
    with pytest.raises(ValueError, match="'a lot' is not a strength"):
        SliderStrength.execute(prompt(family, 1), "a lot")
    with pytest.raises(ValueError, match="start_percent 0.8 lies after end_percent 0.3"):
        apply(model, slider(family), 1.0, start_percent=0.8, end_percent=0.3)
    for broken in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="must .*be .*finite number"):
            apply(model, slider(family), broken)
        with pytest.raises(ValueError, match="must .*be .*finite number"):
            apply(model, slider(family), 1.0, end_percent=broken)
    with pytest.raises(ValueError, match="3 strengths were given for a batch of 2"):
        sample(apply(model, slider(family), 1.0), at(prompt(family, 1), "1 2 3"), prompt(family, 2), count=2)


def test_a_slider_on_a_control_net_with_a_strength_for_each_prompt():
    with torch.inference_mode():
        base, control_net = shared_model("sd3"), tiny_control_net("sd3")
    lora = Slider(
        {
            "control_model.joint_blocks.0.x_block.attn.proj.lora_up.weight": torch.randn(128, 4),
            "control_model.joint_blocks.0.x_block.attn.proj.lora_down.weight": torch.randn(4, 128),
        }
    )
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    picture = torch.rand(1, 64, 64, 3)

    def controlled(control_net, strength=None):
        apply_node = comfy_nodes.ControlNetApplyAdvanced()
        prompts = apply_node.apply_controlnet(
            positive, negative, control_net, picture, 1.0, 0.0, 1.0, vae=TinyVAE(16)
        )
        return [at(p, strength) for p in prompts] if strength else prompts

    with torch.inference_mode():
        plain = sample(base, *controlled(control_net))
        slid = {
            s: SliderApply.execute(s, control_net=control_net, slider=lora).result[1] for s in (0.0, 1.0, -1.0)
        }
        assert torch.equal(sample(base, *controlled(slid[0.0])), plain)
        assert not close(sample(base, *controlled(slid[1.0])), plain)
        assert close(sample(base, *controlled(slid[1.0], "-1")), sample(base, *controlled(slid[-1.0])))
