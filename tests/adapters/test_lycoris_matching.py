"""LyCORIS configs select on ComfyUI's models what lycoris-lora selects on diffusers', name by name."""

import re

import diffusers
import pytest
import torch
from architectures.test_diffusers_names import DIFFUSERS
from concept_sliders.slider_core.adapters import LycorisConfigError, lycoris_plan
from concept_sliders.slider_core.adapters.lycoris_names import without_excluded
from concept_sliders.slider_core.architectures.candidates import candidates, elsewhere
from concept_sliders.slider_core.architectures.network import network_of
from concept_sliders.slider_core.architectures.registry import family_of
from concept_sliders.slider_core.architectures.target import Target
from lycoris.wrapper import LycorisNetwork
from tiny_models import shared_model

NOTHING = {"enable_conv": True, "use_fnmatch": False}
NOTHING |= {key: [] for key in ("target_module", "target_name", "exclude_name")}
NOTHING |= {key: {} for key in ("module_algo_map", "name_algo_map")}


def lokr(factors: dict[str, int], **preset) -> dict:
    """A config as SimpleTuner ships them: a LoKr factor for each class of modules."""
    maps = {name: {"factor": factor} for name, factor in factors.items()}
    preset |= {"target_module": list(factors), "module_algo_map": maps}
    whole = {"bypass_mode": True, "full_matrix": True, "linear_dim": 10000, "linear_alpha": 1, "factor": 4}
    return {"algo": "lokr", "multiplier": 1.0, **whole, "apply_preset": preset}


# What SimpleTuner (bc8e6ab) ships for the families that ComfyUI has.
SHIPPED = {
    "flux2": lokr({"Flux2Attention": 2, "Flux2FeedForward": 4, "Flux2ParallelSelfAttention": 2}),
    "kandinsky5_image": lokr({"Kandinsky5Attention": 2, "Kandinsky5FeedForward": 4}),
    "longcat_image": lokr({"LongCatImageTransformer2DModel": 16}),
    "cosmos_predict2": lokr({"Attention": 25}),
    "pixart_sigma": lokr({"Attention": 2, "FeedForward": 4}),
    "sdxl": lokr({"Attention": 12}),
    "stable_cascade_c": lokr({"Attention": 2, "FeedForward": 4}),
    # The example for any model.
    "sd3": lokr({"Attention": 16, "FeedForward": 8}),
    "z_image": lokr({"Attention": 16, "FeedForward": 8}),
    "qwen_image": lokr({"Attention": 16, "FeedForward": 8}),
}
BOOGU = ["ref_image_*"]  # the only one of them that excludes anything


DIFFUSERS_TOO = {
    "sd3": ("SD3Transformer2DModel", {"num_layers": 2}),
    "stable_cascade_c": (
        "StableCascadeUNet",
        {
            "in_channels": 16,
            "out_channels": 16,
            "down_num_layers_per_block": [1, 1],
            "up_num_layers_per_block": [1, 1],
            "num_attention_heads": [32, 32],
            "block_out_channels": [2048, 2048],
        },
    ),
}


def starred(names) -> set[str]:
    return {re.sub(r"(?<=\.)\d+(?=\.|$)", "*", name) for name in names}


def diffusers_model(variant: str) -> torch.nn.Module:
    name, config = (DIFFUSERS | DIFFUSERS_TOO)[variant]
    with torch.device("meta"):
        return getattr(diffusers, name)(**config)


def by_lycoris(variant: str, config: dict) -> set[str]:
    """Names of the layers of diffusers' model on which lycoris-lora puts an adapter."""
    model = diffusers_model(variant)
    LycorisNetwork.apply_preset(NOTHING | config["apply_preset"])
    network = LycorisNetwork(model, network_module="lora", lora_dim=2, conv_lora_dim=2)
    names = {name.replace(".", "_"): name for name, _ in model.named_modules()}
    return starred(names[adapter.lora_name.removeprefix("lycoris_")] for adapter in network.loras)


def by_us(variant: str, config: dict) -> set[str]:
    """The same of our plan: all names that diffusers has for the rows of a layer that an adapter is on."""
    model = shared_model(variant)
    network = network_of(model)
    family = family_of(network)
    known = {entry.target: entry.target.name for entry in candidates(network, family)}
    whole = {layer: {name} for layer, name in (family.names(network.module) if family.names else {}).items()}
    for entry in [*candidates(network, family), *elsewhere(network, family)]:
        if entry.target.name:
            whole.setdefault(entry.layer, set()).add(entry.target.name)
    names: set[str] = set()
    for target, _ in lycoris_plan(config, model):
        name, layer = known.get(target, target.name), target.layer.partition(".")[2]
        names |= {name} if name else whole.get(layer, {layer})
    return starred(names)


@pytest.mark.parametrize("variant", SHIPPED)
def test_shipped_configs_select_what_lycoris_selects(variant):
    if variant == "longcat_image":  # of some of its layers we have no diffusers name
        layers = len(network_of(shared_model(variant)).layers)
        assert len({t.layer for t, _ in lycoris_plan(SHIPPED[variant], shared_model(variant))}) == layers
        every = [m for m in diffusers_model(variant).modules() if isinstance(m, torch.nn.Linear)]
        assert len(by_lycoris(variant, SHIPPED[variant])) == len(every)
        return
    assert by_us(variant, SHIPPED[variant]) == by_lycoris(variant, SHIPPED[variant])


@pytest.mark.parametrize("variant", SHIPPED)
def test_shipped_configs_give_each_class_its_factor(variant):
    factors = {entry["factor"] for entry in SHIPPED[variant]["apply_preset"]["module_algo_map"].values()}
    plan = lycoris_plan(SHIPPED[variant], shared_model(variant))
    none = {4} if variant == "stable_cascade_c" else set()  # diffusers has no FeedForward there
    assert {config.options["factor"] for _, config in plan} == factors - none


EXCLUDED = [
    ([r"transformer_blocks\.\d+\.attn"], False),
    ([r".*attn2"], False),
    ([r".*\.attn1$", r".*to_add_out"], False),
    (["*.attn2.*", "*.to_q"], True),
    ([r"(?!.*to_k).*attn\w*\."], False),
    (BOOGU, False),
    (BOOGU, True),
]


@pytest.mark.parametrize("variant", ["sdxl", "flux2", "kandinsky5_image", "pixart_sigma"])
@pytest.mark.parametrize("patterns, by_fnmatch", EXCLUDED)
def test_exclude_name_leaves_out_what_lycoris_leaves_out(variant, patterns, by_fnmatch):
    config = SHIPPED[variant]
    preset = config["apply_preset"] | {"exclude_name": patterns, "use_fnmatch": by_fnmatch}
    excluding = config | {"apply_preset": preset}
    assert by_us(variant, excluding) == by_lycoris(variant, excluding)


def test_boogus_pattern_excludes_its_reference_picture():
    names = ["ref_image_refiner.0.attn.to_q", "ref_image_patch.attn.to_out.0", "noise_refiner.0.attn.to_q"]
    targets = [Target(f"diffusion_model.{name}.weight") for name in names]
    kept = without_excluded(targets, BOOGU, by_fnmatch=False, model=shared_model("flux"))
    assert [target.layer for target in kept] == ["diffusion_model.noise_refiner.0.attn.to_q"]
    network = LycorisNetwork(torch.nn.Module(), init_only=True)
    assert [network.is_excluded(name, BOOGU) for name in names] == [True, True, False]


def test_exclude_name_also_takes_from_the_targets_of_the_node():
    plan = lycoris_plan({"apply_preset": {"exclude_name": [".*single_blocks"]}}, shared_model("flux"))
    assert plan and not any("single_blocks" in target.layer for target, _ in plan)


@pytest.mark.parametrize(
    "patterns, message",
    [
        (["(to_q"], r"exclude_name: '\(to_q' is no regular expression .* use_fnmatch"),
        ([".*"], r"exclude_name \['\.\*'\] leaves out all \d+ targets"),
        (["a" * 501], "exclude_name: .*more than 500 characters"),
    ],
)
def test_exclude_names_that_cannot_be_used(patterns, message):
    with pytest.raises(LycorisConfigError, match=message):
        lycoris_plan({"apply_preset": {"exclude_name": patterns}}, shared_model("flux"))


@pytest.mark.parametrize("key", ["preset", "apply_preset"])
def test_a_preset_by_its_name(key):
    names = by_us("sdxl", {"algo": "lora", key: "attn-mlp"})
    blocks = by_lycoris("sdxl", {"apply_preset": {"target_module": ["Transformer2DModel"]}})
    assert names == blocks
    assert by_us("kandinsky5_image", {key: "attn-only"}) == by_lycoris(
        "kandinsky5_image", {"apply_preset": {"target_module": ["Kandinsky5Attention"]}}
    )


def test_convolution_blocks_of_a_preset():
    listed = ["ResnetBlock2D", "Downsample2D", "Upsample2D"]
    config = {"apply_preset": {"target_module": listed, "target_name": ["conv_in", "conv_out"]}}
    assert by_us("sdxl", {"preset": "unet-convblock-only"}) == by_lycoris("sdxl", config)


def test_a_preset_that_lycoris_does_not_have():
    with pytest.raises(LycorisConfigError, match="no preset 'attn-mpl'. Did you mean 'attn-mlp'"):
        lycoris_plan({"preset": "attn-mpl"}, shared_model("flux"))
