"""What a step of training minimises, as plain functions over predictions.

Notation of the comments: f_s(x) is the model's own prediction (noise, v or velocity) with the slider at
strength s, v* what a perfect model would predict, x⁺ and x⁻ the noised pictures of a turn's two sides.

- `denoise` (SimpleTuner's): each picture's own target at its strength, ‖f_{+s}(x⁺) − v*⁺‖² + ‖f_{−s}(x⁻) − v*⁻‖².
- `difference`: the same without the part of the base model's error that both sides share; see `odd_target`.
- `prompts`: words alone; see `words`. An example that has words is trained so under every objective.
- anchor, for neutral pictures: the prediction must not move, ‖f_{±s}(x) − f_0(x)‖².
"""

from __future__ import annotations

from torch import Tensor


def row_losses(prediction: Tensor, target: Tensor, rows: int) -> Tensor:
    """Mean squared error of each of `rows` equal parts along the first dimension, [rows], in float32."""
    return (prediction.float() - target.float()).square().reshape(rows, -1).mean(1)


def odd_target(base: Tensor, error: Tensor, other_error: Tensor, share: float) -> Tensor:
    """f_0(x) − share · (e − e′): the base prediction without its share of what the two sides' errors differ by.

    With e = f_0(x) − v* and e′ that of the other side, under the same noise at the same noise level. For the
    strengths ±s the shares are one half each, and what both errors have in common is left to the base model.

    Direction: the denoised picture is linear in the prediction, with one factor for both rows, as they have one noise
    level. The target therefore moves the denoised picture D⁺ of the positive side by share · ((p⁺ − p⁻) − (D⁺ − D⁻)),
    p± the clean pictures, and D⁻ the other way. Its part along p⁺ − p⁻ is share · (1 − k), k the share of the visible
    difference that the base model's denoised pictures keep: the right way wherever k < 1, at every noise level,
    whatever the model predicts and however wrong both sides are together. (Where a model exaggerates a difference,
    k > 1, the target takes it back to the size it has in the pictures; `denoise` does the same.)
    """
    return base - share * (error - other_error)
