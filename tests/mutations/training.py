"""Breaks of slider_core/training: its settings, rows, memory and states."""

from mutations.mutant import Mutant

LOOP = "slider_core/training/loop.py"
ON_MODEL = "slider_core/training/on_model.py"
ROWS = "slider_core/training/rows.py"
PACED = "slider_core/training/paced.py"
SETTINGS = "tests/training/test_settings.py"
LEARNING = "tests/training/test_training.py -k learns"

MUTANTS = (
    Mutant("clipping off", LOOP, "limit = self.request.max_norm or math.inf", "limit = math.inf", SETTINGS),
    Mutant(
        "anchor_below ignored",
        ROWS,
        "level = level * request.anchor_below",
        "level = level * 1.0",
        SETTINGS,
    ),
    Mutant(
        "anchor_weight ignored",
        "slider_core/training/rows.py",
        "(request.anchor_weight if anchor else 1.0)",
        "1.0",
        SETTINGS,
    ),
    Mutant(
        "weight_decay ignored",
        "slider_core/training/optimisers.py",
        "weight_decay=weight_decay, **fused",
        "weight_decay=0.0, **fused",
        SETTINGS,
    ),
    Mutant(
        "warm-up gone",
        "slider_core/training/schedules.py",
        "return (step + 1) / (warmup + 1)",
        "return 1.0",
        SETTINGS,
    ),
    Mutant(
        "cosine made linear",
        "slider_core/training/schedules.py",
        "return 0.5 * (1 + math.cos(math.pi * done))",
        "return 1 - done",
        SETTINGS,
    ),
    Mutant(
        "rate not stepped with",
        PACED,
        "return request.learning_rate * rate_at(step, request.steps, request.schedule, request.warmup)",
        "return request.learning_rate",
        SETTINGS,
    ),
    Mutant(
        "adapter precision ignored",
        ON_MODEL,
        "self.root, request.plan, request.dtype,",
        "self.root, request.plan, torch.float32,",
        SETTINGS,
    ),
    Mutant("GradScaler off for float16", LOOP, "enabled=half", "enabled=False", SETTINGS),
    Mutant(
        "memory estimate 0",
        "slider_core/training/fit.py",
        "return float(estimate) *",
        "return 0.0 *",
        SETTINGS,
    ),
    Mutant(
        "memory estimate of one row",
        "slider_core/training/fit.py",
        "request.rows_at_once or 2 * max(1, request.cycle.batch_size // processes.count)",
        "request.rows_at_once or 1",
        SETTINGS,
    ),
    Mutant(
        "memory for the smallest picture",
        "slider_core/training/fit.py",
        "max(shapes, key=math.prod)",
        "min(shapes, key=math.prod)",
        "tests/training/test_training.py -k largest",
    ),
    Mutant(
        "area and mask kept",
        "slider_core/training/model_call.py",
        "if key not in ONLY_PART",
        "if True",
        SETTINGS,
    ),
    Mutant(
        "batch dimensions dropped",
        ON_MODEL,
        "strengths, self.batch_dims, self.joined",
        "strengths, None, self.joined",
        SETTINGS,
    ),
    Mutant(
        "low noise levels as the usual ones",
        "slider_core/training/timesteps.py",
        "generator=generator) - 1)",
        "generator=generator))",
        "tests/training/test_settings.py -k noise_levels",
    ),
    Mutant("assistant off", ON_MODEL, "torch.ones(len(strengths))", "torch.zeros(len(strengths))", SETTINGS),
    Mutant("new weights not taken over", ON_MODEL, "self.joined.refresh()", "pass", LEARNING),
    Mutant(
        "care never comes back",
        LOOP,
        "self.saved.careful = True  #",
        "raise OverflowError  #",
        "tests/training/test_exact_steps.py -k in_place",
    ),
    Mutant(
        "fingerprint without patches",
        "slider_core/training/contents.py",
        '"patches": patcher.patches,',
        "",
        "tests/training/test_fingerprint.py -k every_change",
    ),
    Mutant("start_from ignored", ON_MODEL, "if request.start_from is not None:", "if False:", SETTINGS),
    Mutant(
        "an unfinished step counts",
        "slider_core/training/state.py",
        "self._take_back(before)",
        "pass",
        "tests/training/test_faults.py -k whole_or_not",
    ),
    Mutant(
        "gradients of float16 models stay scaled",
        LOOP,
        "self.scaler.unscale_(self.optimiser)",
        "pass",
        SETTINGS,
    ),
)
