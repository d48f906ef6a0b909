"""Something is replaced for a while, and whoever had it has it again: an object, its class, a dict, or nobody."""

import pytest
from concept_sliders.slider_core.replaced import ABSENT, replaced


class Layer:
    cast = "of the class"


def test_an_objects_own_attribute_is_its_own_again_after_an_error():
    layer = Layer()
    layer.forward = "its own"
    with pytest.raises(RuntimeError), replaced(layer, "forward", "ours"):
        assert layer.forward == "ours"
        raise RuntimeError
    assert vars(layer) == {"forward": "its own"}


def test_what_a_class_gives_stays_the_classes():
    layer = Layer()
    with replaced(layer, "cast", "ours"):
        assert layer.cast == "ours" and Layer.cast == "of the class"
    assert layer.cast == "of the class" and not vars(layer)
    with replaced(Layer, "cast", "ours"):
        assert layer.cast == "ours"
    assert Layer.cast == "of the class"


@pytest.mark.parametrize("options", [{"attention": "fused", "rows": 2}, {"rows": 2}])
def test_an_entry_of_a_dict_can_be_away(options):
    before = dict(options)
    with replaced(options, "attention", ABSENT):
        assert options == {"rows": 2}
    assert options == before
