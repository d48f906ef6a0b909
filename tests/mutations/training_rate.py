"""Breaks of slider_core/training: the rate that is found, and where training stops."""

from mutations.mutant import Mutant

ROWS = "slider_core/training/rows.py"
PACED = "slider_core/training/paced.py"
FOUND = "tests/training/test_found_rate.py"

MUTANTS = (
    Mutant(
        "the rate that was found ignored",
        PACED,
        "return pace.rate * pace.factor(step)",
        "return 1e-4 * pace.factor(step)",
        FOUND,
    ),
    Mutant("the rate does not fall", PACED, "pace.rate * pace.factor(step)", "pace.rate * 1.0", FOUND),
    Mutant(
        "stop_at ignored",
        PACED,
        "wanted = request.stop_at or (0.0 if request.learning_rate else FITS_BEST)",
        "wanted = 0.0 if request.learning_rate else FITS_BEST",
        FOUND,
    ),
    Mutant(
        "both sides taken for one",
        "slider_core/training/reach.py",
        "yield (sides[+1] - sides[-1]) / 2",
        "yield (sides[+1] + sides[-1]) / 2",
        FOUND,
    ),
    Mutant(
        "the slider measured the wrong way round",
        "slider_core/training/reach.py",
        "change = [one - other for one, other in zip(turn.base, now",
        "change = [other - one for one, other in zip(turn.base, now",
        FOUND,
    ),
    Mutant(
        "what was found not continued from",
        "slider_core/training/checkpoint.py",
        'state.pace = state.pace.restored(progress["pace"])',
        "pass",
        FOUND,
    ),
    Mutant(
        "a trial not taken back",
        "slider_core/training/state.py",
        "            yield\n        finally:\n            self._take_back(kept)",
        "            yield\n        finally:\n            pass",
        FOUND,
    ),
    Mutant("noise draws ignored", ROWS, "for _ in range(request.noise_draws)", "for _ in range(1)", FOUND),
    Mutant(
        "noise draws at any levels",
        ROWS,
        "if request.noise_draws > 1:",
        "if request.noise_draws > 1000:",
        FOUND,
    ),
)
