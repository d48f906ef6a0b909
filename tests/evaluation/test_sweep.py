"""A strength sweep on a tiny model: one batch of rows with their own strengths equals runs of their own."""

import comfy.sd
import pytest
import torch
from comfy import model_management, sample
from concept_sliders.slider_core.applying import sampling
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.applying.sampling import LatentError, SamplerSettings
from concept_sliders.slider_core.evaluation import Prompt
from concept_sliders.slider_core.evaluation import sweep as s
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.strength import StrengthError, with_strength
from tiny_models import tiny_model

STRENGTHS = (-2.0, -0.5, 0.0, 1.0, 2.0)
LAYERS = ("joint_blocks.0.x_block.attn.qkv", "joint_blocks.1.x_block.attn.proj")
# Of the weights of the adapter: it moves latents by a third of their size. One of three times that size saturates
# the attention at strength 2, where float32's rounding grows a hundredfold, on some processors to 1e-4.
SIZE = 0.1
# Rounding alone, relative to the latent: 1e-6 in float32, 3e-7 with the model in float64.
ROUNDING = 2e-5


@pytest.fixture(scope="module")
def model():
    return tiny_model("sd3")


@pytest.fixture(scope="module")
def lora(model):
    random = torch.Generator().manual_seed(3)
    weights = {name: model.model.diffusion_model.get_submodule(name).weight for name in LAYERS}
    tensors = {}
    for name, weight in weights.items():
        tensors[f"diffusion_model.{name}.lora_up.weight"] = (
            torch.randn(weight.shape[0], 4, generator=random) * SIZE
        )
        tensors[f"diffusion_model.{name}.lora_down.weight"] = (
            torch.randn(4, weight.shape[1], generator=random) * SIZE
        )
    return tensors


@pytest.fixture(scope="module")
def deltas(model, lora):
    return deltas_for(model, lora)[0]


def conditioning(seed):
    random = torch.Generator().manual_seed(seed)
    return [[torch.randn(1, 6, 48, generator=random), {"pooled_output": torch.randn(1, 24, generator=random)}]]


def sweep_of(*seeds, prompts=1, strengths=STRENGTHS):
    return s.Sweep(
        tuple(Prompt(f"p{i}", "", None, False, conditioning(i)) for i in range(prompts)), seeds, strengths
    )


def own_run(model, lora, strength, seed, settings, positive=None):
    """What the stock LoRA loader and a KSampler give."""
    patched, _ = comfy.sd.load_lora_for_models(model, None, lora, strength, 0)
    latent = sampling.empty_latent(model, 64, 64)
    return sample.sample(
        patched, sample.prepare_noise(latent, seed), settings.steps, settings.cfg, settings.sampler,
        settings.scheduler, positive or conditioning(0), conditioning(9), latent, disable_pbar=True, seed=seed,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sampler", "batches"),
    [("euler", 2), ("dpmpp_2m", 2), ("uni_pc", 2), ("euler_ancestral", 10), ("dpmpp_sde", 10)],
)
def test_a_sweep_equals_runs_with_the_stock_loader(model, lora, deltas, monkeypatch, sampler, batches):
    settings = SamplerSettings(3, 2.5, sampler, "simple")
    calls = []
    whole = sampling._sample_batch
    monkeypatch.setattr(sampling, "_sample_batch", lambda *args: calls.append(args[6]) or whole(*args))
    sweep = sweep_of(7, 8)
    got = s.sample_sweep(
        [s.Variant(model, deltas)], sweep, conditioning(9), sampling.empty_latent(model, 64, 64), settings
    )
    assert len(calls) == batches
    assert got.shape == (2, 5, 16, 8, 8)
    for row, seed in enumerate(sweep.seeds):
        for column, strength in enumerate(STRENGTHS):
            expected = own_run(model, lora, strength, seed, settings)[0]
            scale = expected.abs().max()
            assert (got[row, column] - expected).abs().max() <= ROUNDING * scale, (seed, strength)
    assert (got[0, 0] - got[0, 4]).abs().max() > 0.05 * got.abs().max()


def test_every_sampler_is_known():
    """A sampler that draws noise gives each latent of a batch its own, so it must not be batched."""
    from comfy.samplers import SAMPLER_NAMES

    drawing = {name for name in SAMPLER_NAMES if not sampling.draws_no_noise(name)}
    assert {"euler_ancestral", "dpmpp_2m_sde", "lcm", "ddpm", "er_sde", "dpm_adaptive"} <= drawing
    assert not drawing & {"euler", "heun", "dpm_2", "dpmpp_2m", "ddim", "uni_pc", "uni_pc_bh2", "ipndm", "deis"}


def test_batches_respect_the_limit_and_rows_are_in_order(model, deltas):
    settings, latent = SamplerSettings(2, 1.0), sampling.empty_latent(model, 64, 64)
    sweep = sweep_of(1, 2, prompts=2)
    whole = s.sample_sweep([s.Variant(model, deltas)], sweep, conditioning(9), latent, settings)
    parts = s.sample_sweep([s.Variant(model, deltas)], sweep, conditioning(9), latent, settings, most=3)
    assert torch.allclose(whole, parts, atol=ROUNDING * float(whole.abs().max()))
    alone = s.sample_sweep(
        [s.Variant(model, deltas)], sweep_of(2, prompts=2), conditioning(9), latent, settings
    )
    assert torch.allclose(whole[[1, 3]], alone, atol=ROUNDING * float(whole.abs().max()))


def test_out_of_memory_halves_the_batch(model, deltas, monkeypatch):
    sizes = []
    whole = sampling._sample_batch

    def short_of_memory(*args):
        sizes.append(len(args[6]))
        if sizes[-1] > 2:
            raise torch.cuda.OutOfMemoryError
        return whole(*args)

    monkeypatch.setattr(sampling, "_sample_batch", short_of_memory)
    latent = sampling.empty_latent(model, 64, 64)
    s.sample_sweep([s.Variant(model, deltas)], sweep_of(1), conditioning(9), latent, SamplerSettings(1))
    assert sizes == [5, 2, 2, 1]
    monkeypatch.setattr(
        sampling, "_sample_batch", lambda *args: (_ for _ in ()).throw(torch.cuda.OutOfMemoryError)
    )
    with pytest.raises(torch.cuda.OutOfMemoryError):
        s.sample_sweep([s.Variant(model, deltas)], sweep_of(1), conditioning(9), latent, SamplerSettings(1))


def test_other_sliders_keep_their_strength(model, lora, deltas):
    """A second slider on the model, at a strength of the prompt's own, is not swept along."""
    settings = SamplerSettings(2, 1.0)
    both = apply_slider(model, AppliedSlider(deltas, 1.0, "other"))
    positive = [[tensor, with_strength(options, 0.5, "other")] for tensor, options in conditioning(0)]
    sweep = s.Sweep((Prompt("p", "", conditioning=positive),), (7,), STRENGTHS)
    got = s.sample_sweep(
        [s.Variant(both, deltas)], sweep, conditioning(9), sampling.empty_latent(model, 64, 64), settings
    )
    for column, strength in enumerate(STRENGTHS):
        expected = own_run(model, lora, strength + 0.5, 7, settings)[0]
        assert (got[0, column] - expected).abs().max() <= ROUNDING * expected.abs().max()


def test_progress_counts_every_step_of_every_latent(model, deltas):
    seen = []
    latent = sampling.empty_latent(model, 64, 64)
    s.sample_sweep(
        [s.Variant(model, deltas)], sweep_of(1, 2, prompts=2), conditioning(9), latent, SamplerSettings(3, 1.0), most=4,
        on_step=lambda done, whole, denoised: seen.append((done, whole)),
    )  # fmt: skip
    assert [whole for _, whole in seen] == [60] * len(seen)
    done = [done for done, _ in seen]
    assert done == sorted(done) and done[-1] == 60 and done[:6] == [4, 8, 12, 13, 14, 15]


def test_an_interrupt_passes_through_and_leaves_nothing(model, deltas):
    def interrupt(*_):
        raise model_management.InterruptProcessingException

    with pytest.raises(model_management.InterruptProcessingException):
        s.sample_sweep(
            [s.Variant(model, deltas)], sweep_of(1), conditioning(9), sampling.empty_latent(model, 64, 64),
            SamplerSettings(2),
            on_step=interrupt,
        )  # fmt: skip
    assert not any(module._forward_hooks for module in model.model.modules())


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("sd3", (1, 16, 8, 12)),
        ("flux2", (1, 128, 4, 6)),
        ("wan21", (1, 16, 3, 8, 12)),
        ("ltxv", (1, 128, 2, 2, 3)),
    ],
)
def test_the_empty_latent_fits_the_model(name, shape):
    patcher = tiny_model(name)
    latent = sampling.empty_latent(patcher, 96, 64, length=9)
    assert latent.shape == shape
    assert sample.fix_empty_latent_channels(patcher, latent).shape == shape


def test_latents_that_do_not_fit_are_refused(model, deltas):
    with pytest.raises(LatentError, match="too few"):
        sampling.empty_latent(model, 4, 64)
    with pytest.raises(LatentError, match="2 are given"):
        s.sample_sweep(
            [s.Variant(model, deltas)],
            sweep_of(1),
            conditioning(9),
            torch.zeros(2, 16, 8, 8),
            SamplerSettings(1),
        )


def test_a_noise_mask_keeps_the_rest_of_the_latent(model, deltas):
    latent, mask = torch.randn(1, 16, 8, 8, generator=torch.Generator().manual_seed(1)), torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    got = s.sample_sweep(
        [s.Variant(model, deltas)], sweep_of(1), conditioning(9), latent, SamplerSettings(2), mask=mask
    )
    assert torch.allclose(got[..., 4:], latent[..., 4:].expand(1, 5, 16, 8, 4), atol=1e-5)
    assert (got[0, 0, ..., :4] - got[0, 4, ..., :4]).abs().max() > 0.01


def test_rows_that_cannot_have_strengths_of_their_own_are_sampled_alone(model, deltas, monkeypatch):
    sizes = []
    whole = sampling._sample_batch

    def mixes_rows(*args):
        sizes.append(len(args[6]))
        if sizes[-1] > 1:
            raise StrengthError
        return whole(*args)

    monkeypatch.setattr(sampling, "_sample_batch", mixes_rows)
    latent = sampling.empty_latent(model, 64, 64)
    s.sample_sweep([s.Variant(model, deltas)], sweep_of(1), conditioning(9), latent, SamplerSettings(1))
    assert sizes == [5, 2, 1, 1, 1, 1, 1]
