"""What `trainable` promises: a model that gradients flow through, and that is as it was."""

import sys

import torch
from comfy.ldm.modules import attention
from comfy.model_management import load_models_gpu
from concept_sliders.slider_core.gradients.trainable import normal_twin, trainable
from concept_sliders.slider_core.strength import attached
from tiny_models import tiny_call, tiny_model
from torch import nn
from weight_forms import LowRank, gradients, made


def test_no_byte_of_a_weight_is_copied():
    with torch.inference_mode():
        patcher = tiny_model("sd3")
        load_models_gpu([patcher])
    before = {key: (p.data_ptr(), id(p)) for key, p in patcher.model.named_parameters()}
    with trainable(patcher) as model:
        assert {key: p.data_ptr() for key, p in model.named_parameters()} == {
            k: v[0] for k, v in before.items()
        }
        assert not any(p.is_inference() or p.requires_grad for p in model.parameters())
    assert {key: (p.data_ptr(), id(p)) for key, p in patcher.model.named_parameters()} == before


def test_weights_that_comfyui_moved_to_a_device_train_too():
    """Moving gives an inference tensor new data: it says that it is none then, but autograd still cannot save it."""
    patcher, plain = made("float32")
    expected = gradients(plain)
    for parameter in patcher.model.parameters():
        parameter.data = parameter.detach().clone()
    for a, b in zip(gradients(patcher), expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_normal_twin_keeps_what_comfyui_notes_on_a_weight():
    with torch.inference_mode():
        weight = nn.Parameter(torch.randn(4, 4), requires_grad=False)
        weight._model_dtype = torch.float16
        weight.untyped_storage()._comfy_tensor_file_slice = "a part of a file"
    twin = normal_twin(weight)
    assert isinstance(twin, nn.Parameter) and not twin.is_inference() and twin.data_ptr() == weight.data_ptr()
    assert twin._model_dtype == torch.float16
    assert twin.untyped_storage()._comfy_tensor_file_slice == "a part of a file"


def test_attention_without_a_backward_pass_is_replaced(monkeypatch):
    """Sage attention returns a tensor that autograd knows nothing of: the gradient through it would be lost."""
    patcher, call, chosen = tiny_model("sd3"), tiny_call("sd3"), attention.optimized_attention

    def sage(*args, **kwargs):
        return attention.attention_pytorch(*args, **kwargs).detach()

    def override(function, *args, **kwargs):
        return sage(*args, **kwargs)

    def gradient():
        with trainable(patcher) as model:
            torch.manual_seed(0)
            name = "diffusion_model.joint_blocks.0.x_block.attn.qkv"
            adapter = LowRank(model.get_submodule(name))
            options = {"transformer_options": dict(patcher.model_options["transformer_options"])}
            with attached(model, {name: [adapter]}, torch.ones(1)):
                model.apply_model(**call, **options).square().mean().backward()
        return adapter.up.grad

    expected = gradient()
    holders = [
        m for k, m in sys.modules.items() if k.startswith("comfy.") and hasattr(m, "optimized_attention")
    ]
    for module in holders:
        monkeypatch.setattr(module, "optimized_attention", sage)
    patcher.model_options["transformer_options"]["optimized_attention_override"] = override
    torch.testing.assert_close(gradient(), expected, rtol=1e-3, atol=1e-6)
    assert chosen is not sage and all(module.optimized_attention is sage for module in holders)
    assert patcher.model_options["transformer_options"]["optimized_attention_override"] is override
