"""Strengths of prompts in Apply Slider: on both sides of guidance, in regions, in other guiders, on ControlNets."""

import comfy.sd
import comfy_extras.nodes_custom_sampler as comfy_custom_sampler
import nodes as comfy_nodes
import pytest
import torch
from concept_sliders.nodes.apply import SliderApply
from concept_sliders.slider_core.files import Slider
from small_sampling import apply, at, close, prompt, sample, slider
from tiny_models import TinyVAE, shared_model, tiny_control_net


@pytest.fixture(params=["sd3", "flux"])
def family(request):
    return request.param


@pytest.fixture
def model(family):
    with torch.inference_mode():
        yield shared_model(family)


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
