"""One strength is a patch of the weights, as a stock LoRA is, and the picture that of a strength for each row."""

import comfy.sd
import comfy_extras.nodes_custom_sampler as custom_sampler
import pytest
import torch
from comfy import hooks
from comfy.cli_args import args
from comfy.model_management import load_models_gpu
from comfy.model_patcher import LowVramPatch, ModelPatcher
from comfy_api.torch_helpers import set_torch_compile_wrapper
from comfy_extras.nodes_context_windows import ContextWindowsManualNode
from comfy_extras.nodes_model_merging import ModelMergeSimple
from concept_sliders.slider_core.deltas.low_rank import LowRank
from concept_sliders.slider_core.files import Slider
from concept_sliders.slider_core.training.contents import deciding, names_of_modules
from concept_sliders.slider_core.training.digest import Digest
from small_sampling import apply, at, close, prompt, sample, slider
from tiny_models import shared_model, tiny_model

FAMILY = "sd3"
LAYER = "diffusion_model.joint_blocks.0.x_block.attn.proj"


@pytest.fixture
def model():
    with torch.inference_mode():
        yield shared_model(FAMILY)


@pytest.fixture
def prompts():
    return prompt(FAMILY, 1), prompt(FAMILY, 2)


def stock(model, lora, strength):
    return comfy.sd.load_lora_for_models(model, None, lora, strength, 0)[0]


def weights(model):
    return {key: value.clone() for key, value in model.model.state_dict().items()}


class Spy:
    """What the layer was during sampling: its weight, and whether something was attached to it."""

    def __init__(self, model, monkeypatch):
        self.seen, self.layer = [], model.model.get_submodule(LAYER)
        forward = self.layer.forward
        monkeypatch.setattr(self.layer, "forward", lambda *args: self.note() or forward(*args))

    def note(self):
        self.seen.append((self.layer.weight.clone(), bool(self.layer._forward_hooks)))

    def ways(self, base):
        """`weights`, `rows`, both or none, over all calls since the last time."""
        seen, self.seen = self.seen, []
        changed = {"weights" for weight, _ in seen if not torch.equal(weight, base)}
        return changed | {"rows" for _, attached in seen if attached}


def test_one_strength_is_in_the_weights_and_several_are_not(model, prompts, monkeypatch):
    positive, negative = prompts
    lora, spy, base = slider(FAMILY), Spy(model, monkeypatch), model.model.get_submodule(LAYER).weight.clone()
    slid = apply(model, lora, 0.7)
    for conds, first, then in [
        ((positive, negative), {"weights"}, {"weights"}),
        ((at(positive, "0.2"), negative), {"weights", "rows"}, {"weights"}),  # the difference on what is loaded
        ((at(positive, "0"), negative), set(), set()),
        ((at(positive, "0.2"), at(negative, "0.3")), {"rows"}, {"rows"}),
        ((positive, negative), {"rows"}, {"weights"}),
    ]:
        for way in (first, then):
            sample(slid, *conds)
            assert spy.ways(base) == way
    sample(slid, at(positive, "0.1, 0.2"), negative, count=2)
    assert spy.ways(base) == {"rows"}
    sample(apply(model, lora, 0.7, start_percent=0.1), positive, negative)
    assert spy.ways(base) == {"rows"}


def test_both_ways_give_the_same_picture(model, prompts):
    positive, negative = prompts
    for lora in (slider(FAMILY), rotation()):
        in_weights = sample(apply(model, lora, 0.7), positive, negative)
        by_rows = sample(apply(model, lora, 0.7), at(positive, "0.7, 0.2"), negative, count=2)[:1]
        assert close(in_weights, by_rows) and not close(in_weights, sample(model, positive, negative))


def rotation():
    """OFT without a full difference, which ComfyUI's own loader applies at the square of the strength."""
    random = torch.Generator().manual_seed(3)
    return Slider({f"{LAYER}.oft_blocks": torch.randn(32, 4, 4, generator=random) * 0.3})


@pytest.mark.parametrize("form", [(128, 128), (8192, 1)])
def test_a_weight_in_a_form_that_comfyui_cannot_patch_stays_as_it_is(model, form):
    """Packs have quantised layers of their own: there the slider is added to the layer's output."""
    layer = model.model.get_submodule(LAYER)
    own, lora = layer.weight, slider(FAMILY, 1)
    assert apply(model, slider(FAMILY), 0.7).patches
    layer.weight = torch.nn.Parameter(torch.zeros(form, dtype=torch.uint8), requires_grad=False)
    try:
        slid = apply(model, lora, 0.7)
    finally:
        layer.weight = own
    (placed,) = slid.get_attachment("concept_sliders").placed
    assert not slid.patches and placed.at_rest is None


def test_to_and_fro_leaves_the_base_weights_as_they_were_and_loads_no_more_than_it_must(
    model, prompts, monkeypatch
):
    positive, negative = prompts
    before, loads, load = weights(model), [], ModelPatcher.load
    picture = sample(model, positive, negative)

    def counted(self, *args, **kwargs):
        loads.append(self.patches_uuid)
        return load(self, *args, **kwargs)

    monkeypatch.setattr(ModelPatcher, "load", counted)
    slid = apply(model, slider(FAMILY), 0.7)
    by_rows = at(positive, "0.1"), at(negative, "0.2")
    first = sample(slid, *by_rows)
    assert torch.equal(sample(slid, *by_rows), first) and not loads  # the base weights are loaded already
    added = sample(slid, positive, negative)
    assert not loads  # the difference from nothing
    constant = sample(slid, positive, negative)
    assert close(added, constant)
    assert torch.equal(sample(slid, positive, negative), constant) and len(loads) == 1
    assert torch.equal(sample(slid, *by_rows), first) and torch.equal(sample(slid, *by_rows), first)
    assert len(loads) == 2
    halved = sample(slid, at(positive, "0.35"), negative)
    assert len(loads) == 2  # the base weights
    assert close(sample(slid, at(positive, "0.35"), negative), halved) and len(loads) == 3
    assert close(sample(slid, positive, negative), constant) and len(loads) == 3
    assert torch.equal(sample(slid, positive, negative), constant) and len(loads) == 4
    assert torch.equal(sample(model, positive, negative), picture)
    assert all(torch.equal(value, before[key]) for key, value in weights(model).items())


def test_a_strength_that_has_just_changed_needs_no_other_weights(model, prompts, monkeypatch):
    """As a user turns the knob: Apply Slider runs anew each time, on the same model with the same slider."""
    positive, negative = prompts
    lora, other, by_prompt = slider(FAMILY), slider(FAMILY, seed=5), at(positive, "0.2", "first")

    def applied(strength, second=0.5, base=model):
        return apply(apply(base, lora, strength, name="first"), other, second)

    expected = {s: sample(stock(stock(model, lora, s), other, 0.5), positive, negative) for s in (0.7, 0.2, -1)}
    slid = applied(0.7)
    sample(slid, positive, negative)
    loads, load = [], ModelPatcher.load
    monkeypatch.setattr(ModelPatcher, "load", lambda self, *a, **k: loads.append(self) or load(self, *a, **k))
    for strength in (0.2, -1.0, 0.2):
        assert close(sample(applied(strength), positive, negative), expected[strength])
    assert not loads
    assert close(sample(applied(0.7), positive, negative), expected[0.7]) and not loads
    assert [close(sample(slid, by_prompt, negative), expected[0.2]) for _ in range(2)] == [True, True]
    loads.clear()
    for times in (0, 1):  # asked for again
        assert close(sample(applied(-1.0), positive, negative), expected[-1]) and len(loads) == times
    changed = stock(model, slider(FAMILY, seed=9), 0.3)  # another LoRA before it: other weights
    assert not close(sample(applied(0.7, base=changed), positive, negative), expected[0.7])
    assert not close(sample(apply(model, lora, 0.7), positive, negative), expected[0.7])  # one slider less
    sample(applied(0.7), positive, negative)
    third = slider(FAMILY, seed=9)  # in the place of the first
    of_third = sample(apply(apply(model, third, 0.2), other, 0.5), positive, negative)
    assert close(of_third, sample(stock(stock(model, third, 0.2), other, 0.5), positive, negative))
    base = sample(model, positive, negative)
    assert torch.equal(sample(applied(0.0, 0.0), positive, negative), base)
    for _ in range(2):
        sample(applied(0.7), positive, negative)
    sample(model, positive, negative)
    loads.clear()
    one, again = [sample(applied(0.2), positive, negative) for _ in range(2)]
    assert torch.equal(one, again) and len(loads) == 1  # not the weights at 0.7 once more, to add to them


def test_a_merge_and_a_saved_model_have_the_slider_at_its_strength(model, prompts):
    positive, negative = prompts
    lora = slider(FAMILY)
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
    slid = apply(model, slider(FAMILY), 0.8)
    merged = ModelMergeSimple().merge(slid, model, 0.25)[0]
    with pytest.raises(ValueError, match="merged after a slider"):
        sample(merged, at(positive, "1"), at(negative, "0"))
    late = ModelMergeSimple().merge(apply(model, slider(FAMILY), 0.8, start_percent=0.5), model, 0.25)[0]
    with pytest.raises(ValueError, match="merged after a slider"):
        sample(late, positive, negative)
    # A slider before the merge stays as it was merged, one behind it can have strengths for each prompt.
    both = apply(merged, slider(FAMILY, 1), 0.5)
    with pytest.raises(ValueError, match="No slider here has a name"):
        sample(both, at(positive, "1, 0.5", "named"), negative, count=2)
    named = apply(merged, slider(FAMILY, 1), 0.0, name="named")
    got = sample(named, at(positive, "0.5, 0", "named"), negative, count=2)
    assert close(got[:1], sample(both, positive, negative)) and close(
        got[1:], sample(merged, positive, negative)
    )
    changed = sample(named, at(positive, "0.5", "named"), negative)
    assert close(changed, sample(both, positive, negative))
    # The right order: first the merge, then the slider.
    merged = ModelMergeSimple().merge(stock(model, slider(FAMILY), 1.0), model, 0.25)[0]
    sample(apply(merged, slider(FAMILY, 1), 0.8), at(positive, "1"), at(negative, "0"))


def test_a_stock_lora_before_or_behind_the_slider_changes_nothing_for_it(model, prompts):
    positive, negative = prompts
    one, two = slider(FAMILY, 1), slider(FAMILY, 2)
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
    lora, plain = slider(FAMILY), sample(model, positive, negative)
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
    seen, layer = [], model.model.get_submodule(LAYER)
    forward = layer.forward
    monkeypatch.setattr(
        layer, "forward", lambda *given: seen.append(args.disable_cuda_graphs) or forward(*given)
    )
    slid = apply(model, slider(FAMILY), 0.7)
    sample(slid, *prompts)
    assert not any(seen) and seen
    seen.clear()
    sample(slid, at(prompts[0], "0.7, 0"), prompts[1], count=2)
    assert all(seen) and seen and not args.disable_cuda_graphs


def test_sampling_changes_nothing_of_what_a_training_sees_of_the_model(model, prompts):
    lora = slider(FAMILY) | {f"{LAYER}.dora_scale": torch.ones(128, 1)}
    slid = apply(apply(model, Slider(lora), 0.7), slider(FAMILY, 1), 0.3, start_percent=0.1)

    def digest():
        return Digest(False, names_of_modules([slid]), deciding).feed(slid).hexdigest()

    before = digest()
    sample(slid, at(prompts[0], "0.7, 0"), prompts[1], count=2)
    assert digest() == before != Digest(False, names_of_modules([model]), deciding).feed(model).hexdigest()


def test_what_a_model_keeps_of_a_prompt_is_forgotten_between_runs(model, prompts, monkeypatch):
    """HiDream-O1 would use the keys and values that it made with other weights."""
    network, seen = model.model.diffusion_model, []
    monkeypatch.setattr(network, "_kv_cache_entries", ["of another run"], raising=False)

    def keep(network, args):
        seen.append(list(network._kv_cache_entries))
        network._kv_cache_entries = ["of this run"]

    with network.register_forward_pre_hook(keep):
        sample(apply(model, slider(FAMILY), 0.7), *prompts)
        assert seen[:2] == [[], ["of this run"]] and network._kv_cache_entries == []
        sample(model, *prompts)
    assert network._kv_cache_entries == ["of this run"]


def test_what_is_made_of_the_slider_is_made_once_a_run(model, prompts, monkeypatch):
    made, init = [], LowRank.__init__
    monkeypatch.setattr(LowRank, "__init__", lambda self, *given: made.append(self) or init(self, *given))
    sample(apply(model, slider(FAMILY), 0.7), at(prompts[0], "0.7, 0"), prompts[1], count=2)
    assert len(made) == 4  # layers; not layers times steps


def test_nothing_of_the_slider_stays_on_the_device_after_a_run(model, prompts):
    slid = apply(model, slider(FAMILY), 0.7)
    sample(slid, at(prompts[0], "0.7, 0"), prompts[1], count=2)
    (placed,) = slid.get_attachment("concept_sliders").placed
    assert not any(delta.tensors.copies for of_layer in placed.slider.deltas.values() for delta in of_layer)


def test_a_second_model_in_a_guider_is_left_alone(model, prompts):
    """Guider and model_options are one for both: the slider is on the first alone, in the weights or by rows."""
    positive, negative = prompts
    lora, other = slider(FAMILY), tiny_model(FAMILY, seed=1)
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
    lora, hooked = slider(FAMILY, 1), slider(FAMILY, 2)

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


def test_comfyui_counts_and_brings_the_tensors_of_the_patch_as_of_a_stock_lora(model):
    """What partly loaded models do: the patch is applied when the weight is used."""
    lora, key = slider(FAMILY), f"{LAYER}.weight"
    ours, theirs = (LowVramPatch(key, p.patches) for p in (apply(model, lora, 0.7), stock(model, lora, 0.7)))
    assert ours.memory_required() == theirs.memory_required() > 0
    weight = model.model.get_submodule(LAYER).weight
    ours.prepare(torch.empty(ours.memory_required(), dtype=torch.uint8), None)
    assert torch.equal(ours(weight.clone()), theirs(weight.clone()))


def test_context_windows_over_the_latents_have_the_strengths_of_their_latents(model, prompts):
    positive, negative = prompts
    lora = slider(FAMILY)

    def windowed(model):
        return ContextWindowsManualNode.execute(
            model, context_length=2, context_overlap=0, context_schedule="standard_static", context_stride=1,
            closed_loop=False, fuse_method="flat", dim=0, freenoise=False,
        ).result[0]  # fmt: skip

    together = sample(windowed(apply(model, lora, 0.0)), at(positive, "-1, 0, 0.5, 1"), negative, count=4)
    for row, strength in enumerate((-1.0, 0.0, 0.5, 1.0)):
        assert close(together[row : row + 1], sample(apply(model, lora, strength), positive, negative))


def test_a_clone_shares_nothing_and_has_one_patch_a_weight(model):
    one = apply(model, slider(FAMILY), 0.5)
    two = apply(one, slider(FAMILY, 1), 0.5)
    assert not model.patches and not model.wrappers
    assert {key: len(of_weight) for key, of_weight in one.patches.items()} == dict.fromkeys(one.patches, 1)
    assert len(two.patches[f"{LAYER}.weight"][0][1].weights) == 2
    assert len(one.patches[f"{LAYER}.weight"][0][1].weights) == 1
