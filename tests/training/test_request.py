"""A training that cannot be is refused with the reason."""

import dataclasses
import math

import pytest
import torch
from concept_sliders.slider_core.training import RequestError, TrainRequest
from small_training import request
from tiny_models import shared_model


def test_settings_are_checked(model):
    for settings, message in (
        ({"steps": 0}, "steps is 0; it must be a whole number from 1 "),
        ({"optimiser": "Magic"}, "optimiser is 'Magic'; choose one of AdamW"),
        ({"anchor_below": 1.5}, "anchor_below is 1.5; it must be a finite number from 0 to 1"),
        ({"seed": 2**64}, "seed is 18446744073709551616; it must be"),
        ({"steps": "6"}, "steps is '6'"),
        (
            {"start_from": {"a.alpha": torch.tensor(math.inf)}},
            "start_from: tensor 'a.alpha' holds NaN or infinity",
        ),
    ):
        with pytest.raises(RequestError, match=message):
            request(model, **settings)


NUMBERS = [f.name for f in dataclasses.fields(TrainRequest) if f.type in ("float", "int")]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -1])
def test_no_number_may_be_nan_or_infinite_or_negative(model, name, value):
    """ComfyUI's limits let NaN pass."""
    with pytest.raises(RequestError, match=rf"{name} is \S+; it must be a (whole|finite) number"):
        request(model, **{name: value})


def test_a_model_that_cannot_be_trained_is_refused_with_the_reason():
    with pytest.raises(RequestError, match="MiniMax H3 yet: it takes video and sound together"):
        request(shared_model("minimax_h3"))
