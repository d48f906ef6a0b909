"""What a step of training minimises, as plain functions over predictions.

Notation of the comments: f_s(x) is the model's own prediction (noise, v or velocity) with the slider at
strength s, v* what a perfect model would predict, x⁺ and x⁻ the noised pictures of a pair.

- `denoise` (the guide's): each picture's own target at its strength, ‖f_{+s}(x⁺) − v*⁺‖² + ‖f_{−s}(x⁻) − v*⁻‖².
- `difference` (after ADDifT, sd-webui-traintrain): the base model's prediction for the pair's other picture is
  the target, ‖f_{+s}(x⁻) − f_0(x⁺)‖² + ‖f_{−s}(x⁺) − f_0(x⁻)‖², so that the base model's error cancels.
- anchor, for neutral pictures: the prediction must not move, ‖f_{±s}(x) − f_0(x)‖².
"""

from __future__ import annotations

from torch import Tensor

OBJECTIVES = ("denoise", "difference")


def row_losses(prediction: Tensor, target: Tensor, rows: int) -> Tensor:
    """Mean squared error of each of `rows` equal parts along the first dimension, [rows], in float32."""
    return (prediction.float() - target.float()).square().reshape(rows, -1).mean(1)
