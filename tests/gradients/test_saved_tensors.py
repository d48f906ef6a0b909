"""What was overwritten since it was saved has its right gradient, or is refused."""

import pytest
import torch
from concept_sliders.slider_core.gradients.saved_tensors import OverwrittenError, SavedTensors


def test_an_overwrite_that_nobody_saw_is_refused():
    x = torch.randn(3, requires_grad=True)
    with SavedTensors().active():
        y = x.exp()
        z = y * y
    y.detach().add_(1)
    with pytest.raises(OverwrittenError):
        z.sum().backward()


@pytest.mark.parametrize("over_its_input", [True, False])
def test_a_result_that_is_written_into_a_given_tensor_has_its_gradient(over_its_input):
    """ComfyUI's language models add so from 0.33 on; autograd itself refuses `out=`."""

    def loss(a, b, given):
        x = a.exp()  # autograd keeps this for its backward pass
        out = x if over_its_input else b * 1
        y = torch.mul(x, b, out=out) if given else (out := torch.mul(x, b))
        return y.square().sum() + out.sum()

    random = torch.Generator().manual_seed(0)
    a, b = (torch.randn(3, generator=random, dtype=torch.float64).requires_grad_() for _ in range(2))
    expected = torch.autograd.grad(loss(a, b, given=False), [a, b])
    saved = SavedTensors()
    for _ in range(2):
        with saved.active():
            got = torch.autograd.grad(loss(a, b, given=True), [a, b])
        torch.testing.assert_close(got, expected)
