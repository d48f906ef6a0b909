"""A family's file that states something impossible is refused with the family and the field, when it is registered."""

from dataclasses import fields, replace

import pytest
from concept_sliders.slider_core.architectures import all_families
from concept_sliders.slider_core.architectures.candidates import PARTS
from concept_sliders.slider_core.architectures.check import LISTS, PAIRS, TEXTS, FamilyError, checked
from concept_sliders.slider_core.architectures.family import Family, Layers, thirds

QKV = Layers("blocks.*.attn.qkv", "transformer_blocks.*.attn.{to_q,to_k,to_v}", thirds)
GOOD = Family(name="Painter", recognised_by=("painter.Painter",), attention=(QKV,))
KNOWN = ("Painter", "Flux")

WRONG = {
    "name": ({"name": ""}, "is empty"),
    "recognised_by": ({"recognised_by": "painter.Painter"}, "is not a tuple of texts; one text needs a comma"),
    "attention": ({"attention": ()}, "is empty"),
    "inputs": ({"inputs": Layers("img_in")}, "is not a tuple of Layers"),
    "outputs": (
        {"outputs": (Layers("out.{0,2}", "proj_out"),)},
        r"out.\{0,2\} has 2 alternatives, and proj_out has 1",
    ),
    "time": ({"time": (Layers("time.*", "time_embed"),)}, "not the same number of *"),
    "other_attention": (
        {"other_attention": (Layers("b.{q,kv}", "b.{to_q,to_k,to_v}", thirds),)},
        "divides by rows, so it can have no alternatives",
    ),
    "mlp": ({"mlp": (Layers("mlp.{0,2", "ff.{0,2}"),)}, "has a { without its }"),
    "elsewhere": ({"elsewhere": (Layers(""),)}, "a Layers has no native pattern"),
    "skipped": ({"skipped": (("txt_in", ""),)}, "is not a pair of pattern and reason"),
    "caveats": ({"caveats": ("Slow.", "")}, "is not a tuple of texts"),
    "control": ({"control": ("Sculptor",)}, "there is no family 'Sculptor'"),
    "layer_names": ({"component": "unet"}, "is needed for the component 'unet'"),
    "modelspec": ({"modelspec": ("Painter", "painter-v1")}, "is not a pair of class and name"),
    "classes": ({"classes": (("FeedForward", "mlp.{0,2"),)}, "has a { without its }"),
    "untrainable": ({"untrainable": True}, "True is not a text"),
    "opened": ({"opened": "SpatialTransformer"}, "is not a tuple of texts"),
}


def test_a_good_family_is_the_family():
    assert checked(GOOD, KNOWN) is GOOD


@pytest.mark.parametrize("field", WRONG)
def test_the_message_names_the_family_and_the_field(field):
    changed, problem = WRONG[field]
    with pytest.raises(FamilyError, match=rf"^family (Painter|\(without name\)), {field}: .*{problem}"):
        checked(replace(GOOD, **changed), KNOWN)


def test_two_families_of_one_name():
    with pytest.raises(FamilyError, match="family Painter, name: another family has it too"):
        checked(GOOD, (*KNOWN, "Painter"))


def test_layer_names_come_from_one_place():
    with pytest.raises(
        FamilyError, match="attention: .* has a diffusers pattern, and `names` gives the names too"
    ):
        checked(replace(GOOD, names=lambda network: {}), KNOWN)


def test_every_family_is_checked_when_it_is_registered(monkeypatch):
    from concept_sliders.slider_core.architectures.families import mochi

    monkeypatch.setattr(mochi, "FAMILIES", (replace(mochi.FAMILIES[0], caveats="one"),))
    with pytest.raises(FamilyError, match="family Mochi, caveats"):
        all_families.__wrapped__()


def test_every_field_is_checked():
    rest = {"elsewhere", "names", "prompts_swapped"}
    assert {*TEXTS, *LISTS, *PAIRS, *PARTS, *rest} == {field.name for field in fields(Family)}
