"""Breaks of slider_core/training: what a step asks for, and on which side."""

from mutations.mutant import Mutant

LEARNING = "tests/training/test_training.py -k learns"

MUTANTS = (
    Mutant(
        "strength of a row exchanged",
        "slider_core/training/rows.py",
        "TrainRow(row, noise, sigma, draw.strength,",
        "TrainRow(row, noise, sigma, -draw.strength,",
        "tests/training/test_direction.py -k first_step",
    ),
    Mutant(
        "difference the other way",
        "slider_core/training/objectives.py",
        "base - share",
        "base + share",
        "tests/training/test_direction.py -k first_step",
    ),
    Mutant(
        "words steer both signs one way",
        "slider_core/training/words.py",
        "strength * prompts.guidance",
        "abs(strength) * prompts.guidance",
        "tests/training/test_direction.py -k first_step_of_words",
    ),
    Mutant(
        "words as a picture's partner",
        "slider_core/training/rows.py",
        "if other.steering is None and",
        "if",
        "tests/training/test_direction.py -k no_partner",
    ),
    Mutant(
        "more and less exchanged",
        "slider_core/training/words.py",
        "base + amount",
        "base - amount",
        "tests/training/test_words.py -k target",
    ),
    Mutant(
        "words not scaled to the prediction",
        "slider_core/training/words.py",
        "return moved * ",
        "return moved + 0 * ",
        "tests/training/test_words.py -k target",
    ),
    Mutant(
        "strengths without their sign",
        "slider_core/training/step.py",
        "torch.tensor([row.strength for row in chunk])",
        "torch.tensor([abs(row.strength) for row in chunk])",
        LEARNING,
    ),
    Mutant(
        "what is outside of a mask is learned",
        "slider_core/training/step.py",
        "torch.lerp(base[i], target, row.learned)",
        "torch.lerp(target, base[i], row.learned)",
        "tests/training/test_loss_weighting.py -k divides",
    ),
    Mutant(
        "a masked picture counts less",
        "slider_core/training/step.py",
        " * _shares(chunk, prediction)",
        "",
        "tests/training/test_loss_weighting.py",
    ),
)
