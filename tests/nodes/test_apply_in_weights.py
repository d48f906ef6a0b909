"""One strength is a patch of the weights, as a stock LoRA is, and the picture that of a strength for each row."""

import pytest
import torch
from comfy.model_patcher import LowVramPatch, ModelPatcher
from concept_sliders.slider_core.deltas.joint import LowRank
from concept_sliders.slider_core.files import Slider
from concept_sliders.slider_core.training.contents import deciding, names_of_modules
from concept_sliders.slider_core.training.digest import Digest
from small_sampling import apply, at, close, prompt, sample, slider, stock
from tiny_models import shared_model

FAMILY = "sd3"
LAYER = "diffusion_model.joint_blocks.0.x_block.attn.proj"


@pytest.fixture
def model():
    with torch.inference_mode():
        yield shared_model(FAMILY)


@pytest.fixture
def prompts():
    return prompt(FAMILY, 1), prompt(FAMILY, 2)


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


def test_comfyui_counts_and_brings_the_tensors_of_the_patch_as_of_a_stock_lora(model):
    """What partly loaded models do: the patch is applied when the weight is used."""
    lora, key = slider(FAMILY), f"{LAYER}.weight"
    ours, theirs = (LowVramPatch(key, p.patches) for p in (apply(model, lora, 0.7), stock(model, lora, 0.7)))
    assert ours.memory_required() == theirs.memory_required() > 0
    weight = model.model.get_submodule(LAYER).weight
    ours.prepare(torch.empty(ours.memory_required(), dtype=torch.uint8), None)
    assert torch.equal(ours(weight.clone()), theirs(weight.clone()))


def test_a_clone_shares_nothing_and_has_one_patch_a_weight(model):
    one = apply(model, slider(FAMILY), 0.5)
    two = apply(one, slider(FAMILY, 1), 0.5)
    assert not model.patches and not model.wrappers
    assert {key: len(of_weight) for key, of_weight in one.patches.items()} == dict.fromkeys(one.patches, 1)
    assert len(two.patches[f"{LAYER}.weight"][0][1].weights) == 2
    assert len(one.patches[f"{LAYER}.weight"][0][1].weights) == 1
