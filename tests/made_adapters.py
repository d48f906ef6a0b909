"""Every kind of adapter on a layer of each sort."""

import torch
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.architectures.target import Target
from torch import nn

INPUTS = {"linear": (3, 7, 16), "conv": (3, 8, 9, 9), "video": (3, 4, 3, 5, 5), "audio": (3, 4, 11)}
ADAPTERS = {
    "lora": {},
    "lora rslora": {"rslora": True},
    "lora dora": {"dora": True},
    "lora dora tucker": {"dora": True, "use_tucker": True},
    "locon": {"use_tucker": True},
    "loha": {},
    "loha tucker": {"use_tucker": True},
    "loha dora": {"dora": True},
    "loha dora tucker": {"dora": True, "use_tucker": True},
    "lokr": {},
    "lokr dora": {"dora": True},
    "lokr dora full": {"dora": True, "full_matrix": True, "factor": 4},
    "lokr tucker": {"use_tucker": True, "factor": 2},
    "lokr both": {"decompose_both": True, "factor": 8},
    "lokr full": {"full_matrix": True, "factor": 4},
    "lokr unbalanced": {"unbalanced_factorization": True, "factor": 2},
    "oft": {},
    "oft rescaled": {"rescaled": True, "constraint": 0.01},
    "boft": {},
    "boft rescaled": {"rescaled": True},
    "glora": {},
    "ia3": {},
    "ia3 input": {"train_on_input": True},
    "dylora": {"block_size": 1},
    "full": {},
}


def four_layers():
    """A model of one layer of each sort, frozen."""
    torch.manual_seed(0)
    layers = {
        "linear": nn.Linear(16, 24),
        "conv": nn.Conv2d(8, 12, 3, stride=2, padding=1),
        "video": nn.Conv3d(4, 8, (1, 2, 2), stride=(1, 2, 2)),
        "audio": nn.Conv1d(4, 8, 3, padding=1),
    }
    return nn.ModuleDict(layers).requires_grad_(False)


def make(model, name, layer, rows=None, rank=None):
    kind, options = name.split()[0], ADAPTERS[name]
    config = AdapterConfig(kind, rank or (6 if kind == "boft" else 2), 3.0, options=options)
    return make_adapters(model, uniform_plan([Target(f"{layer}.weight", rows)], config))


def randomise(adapters):
    for of_layer in adapters.values():
        for adapter in of_layer:
            for parameter in adapter.parameters():
                parameter.data += 0.3 * torch.randn_like(parameter)
            adapter.eval()
    return adapters
