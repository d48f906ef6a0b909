"""Every kind of adapter runs on the slider targets of every family, each sample at its own strength."""

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.architectures import batch_dims, select_targets
from concept_sliders.slider_core.strength import attached
from tiny_models import NAMES, samples, shared_model, tiny_call

LYCORIS = {
    "locon": AdapterConfig("locon", 2),
    "loha": AdapterConfig("loha", 2),
    "lokr": AdapterConfig("lokr", 2, options={"factor": 4}),
    "oft": AdapterConfig("oft", 4),
    "glora": AdapterConfig("glora", 2),
    "ia3": AdapterConfig("ia3"),
}
KINDS = {**LYCORIS, "full": AdapterConfig("full")}


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def base(name):
    with torch.no_grad():
        return shared_model(name).model.apply_model(**tiny_call(name))


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_kind_runs_on_the_family(name, base, kind):
    patcher = shared_model(name)
    torch.manual_seed(0)
    adapters = make_adapters(patcher, uniform_plan(select_targets(patcher), KINDS[kind]))
    for of_layer in adapters.values():
        for adapter in of_layer:
            for parameter in adapter.eval().parameters():
                parameter += 0.02 * torch.randn_like(parameter)
    call = tiny_call(name)
    strengths = torch.tensor([1.0, 0.0])[: samples(call)]
    with attached(patcher.model, adapters, strengths, batch_dims(patcher)):
        y = patcher.model.apply_model(**call)
    changes = ((y - base).abs() / base.abs().max()).reshape(len(strengths), -1).amax(1)
    assert y.isfinite().all() and changes[0] > 1e-4 and (changes[1:] < 1e-5).all()
