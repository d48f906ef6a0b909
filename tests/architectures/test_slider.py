"""The slider preset touches exactly the layers that the rule means, on every family."""

import pytest
from architectures.expected import CONTROL, PUBLISHED, SLIDER, expanded
from architectures.published import shared_published
from concept_sliders.slider_core.architectures import select
from tiny_models import shared_model, tiny_control_net


def selected(model):
    selection = select(model)
    return selection.family, {(target.key, target.rows) for target in selection.targets}


@pytest.mark.parametrize("name", SLIDER)
def test_tiny_model(name):
    family, text = SLIDER[name]
    assert selected(shared_model(name)) == (family, expanded(text))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_model(name):
    family, text = PUBLISHED[name]
    assert selected(shared_published(name)) == (family, expanded(text))


@pytest.mark.parametrize("name", CONTROL)
def test_control_net(name):
    family, text = CONTROL[name]
    assert selected(tiny_control_net(name)) == (family, expanded(text, prefix="control_model"))
