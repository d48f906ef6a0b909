"""Families are recognised by ComfyUI's own classes, and every class of ComfyUI's is accounted for."""

from pathlib import Path

import pytest
from architectures.newer import newer_model, real_model
from comfy import model_base, supported_models
from concept_sliders.slider_core.architectures import all_families, batch, batch_dims, families
from concept_sliders.slider_core.architectures.network import network_of
from concept_sliders.slider_core.architectures.patterns import ends_with
from concept_sliders.slider_core.architectures.registry import family_of
from concept_sliders.slider_core.layers import size_of
from families import FILES, NEWER, VARIANTS
from tiny_models import NAMES, shared_model
from torch import nn

# What ComfyUI calls a model but no slider of pictures, video or music is trained on: detection, depth, meshes.
NO_SLIDERS = {
    "RT_DETR_v4",
    "SAM3",
    "SAM31",
    "DepthAnything3",
    "Hunyuan3Dv2",
    "Hunyuan3Dv2_1",
    "Hunyuan3Dv2mini",
    "TripoSplat",
    "StableAudio",
    "StableAudio3",
}


def families_by(cls):
    name = f"{cls.__module__}.{cls.__qualname__}"
    return [f.name for f in all_families() if any(ends_with(name, known) for known in f.recognised_by)]


def recognised(cls):
    return next((found for base in cls.__mro__ if (found := families_by(base))), [])


@pytest.mark.parametrize("config", supported_models.models, ids=lambda config: config.__name__)
def test_every_model_that_comfyui_detects_has_one_family(config):
    expected = 0 if config.__name__ in NO_SLIDERS else 1
    assert len(recognised(config)) == expected


def test_every_family_has_a_file_of_tests_of_the_same_name():
    here = {path.stem for path in Path(families.__path__[0]).glob("[!_]*.py")}
    assert here == set(FILES)
    general = {"UNet"}  # for UNets that are none of the others
    assert {variant.family for variant in VARIANTS} == {family.name for family in all_families()} - general


def test_names_of_families_are_unique():
    names = [family.name for family in all_families()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", NEWER)
def test_stand_ins_have_the_layers_of_the_real_classes(name):
    real = real_model(name)
    if real is None:
        pytest.skip(f"this ComfyUI has no {NEWER[name].of}")
    made_up, itself = network_of(newer_model(name)), network_of(real)
    assert {k: size_of(v) for k, v in made_up.layers.items()} == {
        k: size_of(v) for k, v in itself.layers.items()
    }
    known_by = {f"{cls.__module__}.{cls.__qualname__}" for cls in itself.classes}
    assert {f"{cls.__module__}.{cls.__qualname__}" for cls in made_up.classes if cls is not object} <= known_by
    assert family_of(made_up) == family_of(itself)


class FromAnotherLoader(nn.Module):
    """A model that a pack loads on its own: no model config of ComfyUI's, maybe a subclass of its classes."""

    def __init__(self, network):
        super().__init__()
        self.diffusion_model = network


@pytest.mark.parametrize("name", NAMES)
def test_known_by_the_network_where_nothing_else_is(name):
    network = shared_model(name).model.diffusion_model
    family = family_of(network_of(FromAnotherLoader(network)))
    assert family.name != "unknown"
    assert recognised(type(network)) == [family.name]


def test_known_by_the_model_class_before_the_network():
    class Flux2FromAnotherLoader(model_base.Flux2):
        def __init__(self, network):
            nn.Module.__init__(self)
            self.diffusion_model = network

    model = Flux2FromAnotherLoader(shared_model("flux2").model.diffusion_model)
    assert family_of(network_of(model)).name == "Flux.2"


def test_where_the_batch_is_not_first():
    assert batch_dims(shared_model("flux")) == {}
    dims = batch_dims(shared_model("cosmos_predict1"))
    assert dims["diffusion_model.blocks.block0.blocks.0.block.attn.to_q.0"] == -2
    assert "diffusion_model.final_layer.linear" not in dims


def test_a_network_is_looked_through_once_for_where_its_batch_is(monkeypatch):
    model = shared_model("cosmos_predict1")
    dims = batch_dims(model)
    monkeypatch.setattr(batch, "network_of", lambda model: pytest.fail("looked through again"))
    assert batch_dims(model) == batch_dims(model.model) == dims
