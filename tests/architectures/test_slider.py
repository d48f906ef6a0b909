"""The slider preset touches exactly the layers that the rule means, on every family."""

import pytest
from architectures.published import shared_published
from concept_sliders.slider_core.architectures import select
from families import CONTROL, TINY, WIDE
from families.variant import expanded
from tiny_models import shared_model, tiny_control_net


def selected(model):
    selection = select(model)
    return selection.family, {(target.key, target.rows) for target in selection.targets}


@pytest.mark.parametrize("name", TINY)
def test_tiny_model(name):
    expected = TINY[name]
    assert selected(shared_model(name)) == (expected.family, expanded(expected.targets))


@pytest.mark.parametrize("name", WIDE)
def test_published_model(name):
    expected = WIDE[name]
    assert selected(shared_published(name)) == (expected.family, expanded(expected.targets))


@pytest.mark.parametrize("name", CONTROL)
def test_control_net(name):
    expected = CONTROL[name]
    assert selected(tiny_control_net(name)) == (
        expected.family,
        expanded(expected.targets, prefix="control_model"),
    )
