"""Breaks the code on purpose, one place at a time, and shows that a test notices.

    python3 scripts/run.py python tests/mutants.py          all mutants, about ten minutes on one core
    python3 scripts/run.py python tests/mutants.py NAME …   those whose names have this in them

The checkout is copied into a temporary folder, where the tests must pass first. Ends with 1 if a mutant survives.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 600  # seconds for the tests of one mutant
PASSED, FAILED = 0, 1  # pytest's exit codes; others say that tests could not be run


class MutantError(Exception):
    """The list of mutants does not fit the code or the tests any more."""


@dataclass(frozen=True)
class Mutant:
    """A change of the code that a test has to notice.

    Attributes:
        old: is in the file exactly once.
        tests: what to give pytest; one of these tests has to fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str

    def apply(self, root: Path) -> str:
        """Writes the change; what the file was before.

        Raises:
            MutantError: if the old text is not there exactly once.
        """
        path = root / self.file
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        if (found := before.count(self.old)) != 1:
            raise MutantError(
                f"{self.name}: {self.old!r} is {found} times in {self.file}, expected once. The code has changed; "
                "change this mutant with it."
            )
        path.write_text(before.replace(self.old, self.new), encoding="utf-8")
        return before


LOOP, ON_MODEL = "slider_core/training/loop.py", "slider_core/training/on_model.py"
ROWS, PACED = "slider_core/training/rows.py", "slider_core/training/paced.py"
SETTINGS = "tests/training/test_settings.py"
FOUND = "tests/training/test_found_rate.py"
LEARNING = "tests/training/test_training.py -k learns"
PROCESSES = "tests/training/test_processes.py"
WIDGETS = "tests/nodes/test_train.py -k widgets"
SAMPLED = "tests/nodes/test_apply_on_every_family.py"

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
        "prompts with more and less exchanged",
        "slider_core/runs/words.py",
        "for side in (0, 1)",
        "for side in (1, 0)",
        "tests/nodes/test_words.py -k preview",
    ),
    Mutant(
        "preview the other way",
        "slider_core/applying/steering.py",
        "guided + strengths",
        "guided - strengths",
        "tests/training/test_words.py -k preview",
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
        "low noise levels as the usual ones",
        "slider_core/training/timesteps.py",
        "generator=generator) - 1)",
        "generator=generator))",
        "tests/training/test_settings.py -k noise_levels",
    ),
    Mutant("assistant off", ON_MODEL, "torch.ones(len(strengths))", "torch.zeros(len(strengths))", SETTINGS),
    *(
        Mutant(
            f"setting {name} not handed on",
            "slider_core/runs/request.py",
            "in settings_of(LoopSettings)}",
            f'in settings_of(LoopSettings) if name != "{name}"}}',
            WIDGETS,
        )
        for name in "anchor_below anchor_weight weight_decay max_norm warmup noise_levels".split()
    ),
    Mutant(
        "setting precision not handed on",
        "slider_core/runs/request.py",
        "dtype=getattr(torch, settings.precision)",
        "dtype=torch.float32",
        WIDGETS,
    ),
    Mutant(
        "preview_prompt ignored",
        "slider_core/runs/preview.py",
        "parts.preview_prompt or self.example.conditioning",
        "self.example.conditioning",
        "tests/nodes/test_train.py -k preview",
    ),
    Mutant(
        "preview_negative ignored",
        "slider_core/runs/preview.py",
        "self.parts.preview_negative or empty_like",
        "empty_like",
        "tests/nodes/test_train.py -k preview",
    ),
    Mutant(
        "rank_dropout_scale ignored",
        "slider_core/adapters/base.py",
        "if self.rank_dropout_scale:",
        "if False:",
        "tests/adapters/test_kinds.py -k dropout",
    ),
    Mutant(
        "alpha stored in bfloat16",
        "slider_core/files/storage.py",
        'tensor.is_floating_point() and not key.endswith(".alpha")',
        "tensor.is_floating_point()",
        "tests/files/test_save_node.py -k alpha",
    ),
    Mutant(
        "guard for ControlNets of one network gone",
        "slider_core/applying/control.py",
        "if (before := self.previous_controlnet) is not None:",
        "if (before := self.previous_controlnet) and False:",
        "tests/test_control.py -k network",
    ),
    Mutant(
        "Apply Slider attaches nothing by row",
        "slider_core/applying/apply.py",
        "stack.enter_context(attached(model, by_row.slider.deltas, strengths, by_row.dims, by_row.kept))",
        "pass",
        SAMPLED,
    ),
    Mutant(
        "strengths of prompts not read",
        "slider_core/applying/apply.py",
        "    if given:",
        "    if False:",
        SAMPLED,
    ),
    Mutant(
        "order of SeedVR2's prompts ignored",
        "slider_core/applying/apply.py",
        "return strengths.roll(len(strengths) // 2)",
        "return strengths",
        f"{SAMPLED} -k seedvr2",
    ),
    Mutant(
        "Apply Slider puts nothing into the weights",
        "slider_core/applying/placed.py",
        "put_in(clone.patches, changes or {}, placed.at_rest)",
        "pass",
        "tests/files/test_stock_loader.py -k lora_on_every_family",
    ),
    Mutant(
        "gradients not handed over in one piece",
        "slider_core/deltas/joint.py",
        "of_all.add_(memory)",
        "pass",
        LEARNING,
    ),
    Mutant("new weights not taken over", ON_MODEL, "self.joined.refresh()", "pass", LEARNING),
    Mutant(
        "care ends at once",
        "slider_core/gradients/saved_tensors.py",
        "self.careful = self.careful and self.copies.acted",
        "self.careful = False",
        "tests/training/test_exact_steps.py -k in_place",
    ),
    Mutant(
        "care never comes back",
        LOOP,
        "self.saved.careful = True  #",
        "raise OverflowError  #",
        "tests/training/test_exact_steps.py -k in_place",
    ),
    Mutant(
        "offload ignored",
        "slider_core/gradients/saved_tensors.py",
        "if self.offload and large",
        "if False",
        "tests/training/test_fit.py -k main_memory",
    ),
    Mutant(
        "fingerprint without patches",
        "slider_core/training/contents.py",
        '"patches": patcher.patches,',
        "",
        "tests/training/test_fingerprint.py -k every_change",
    ),
    Mutant(
        "sides exchanged in the objective",
        "slider_core/training/objectives.py",
        "return base - share *",
        "return base + share *",
        "tests/training/test_direction.py -k first_step_moves",
    ),
    Mutant(
        "strengths without their sign",
        "slider_core/training/step.py",
        "torch.tensor([row.strength for row in chunk])",
        "torch.tensor([abs(row.strength) for row in chunk])",
        LEARNING,
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
        "processes' gradients not added up",
        "slider_core/training/launched.py",
        "dist.all_reduce(gradient, group=self._gradients)",
        "pass",
        PROCESSES,
    ),
    Mutant(
        "every process takes all pictures of a step",
        "slider_core/training/processes.py",
        "if row.pair % self.count == self.number",
        "",
        PROCESSES,
    ),
    Mutant(
        "each process's mean is over its own rows",
        LOOP,
        "self.scaler.scale, total",
        "self.scaler.scale",
        PROCESSES,
    ),
    Mutant(
        "a process that is busy says nothing",
        "slider_core/training/meeting.py",
        "self._over.wait(BEAT)",
        "self._over.wait()",
        PROCESSES,
    ),
    Mutant(
        "a cancel in one process is not heard in the others",
        "slider_core/training/launched.py",
        "if worst > own:",
        "if False:",
        PROCESSES,
    ),
    Mutant(
        "SimpleTuner's repeats are taken for ours",
        "slider_core/data/simpletuner/values.py",
        "whole=True)) + 1",
        "whole=True)) or 1",
        "tests/data/test_simpletuner.py -k repeats",
    ),
    Mutant(
        "a dataset's folder may lie anywhere",
        "slider_core/data/simpletuner/places.py",
        '    if normal.parts[:1] == ("..",):\n        return []\n',
        "",
        "tests/data/test_simpletuner.py -k outside",
    ),
    Mutant(
        "an absolute folder may lie anywhere",
        "slider_core/data/simpletuner/places.py",
        "if place.is_relative_to(os.path.abspath(root))]",
        "if root]",
        "tests/data/test_simpletuner.py -k outside",
    ),
    Mutant(
        "a neutral dataset is trained at one",
        "slider_core/data/simpletuner/values.py",
        "    return strength or None\n",
        "    return strength or 1.0\n",
        "tests/data/test_simpletuner.py -k strength",
    ),
    Mutant(
        "of a limited number, the first pictures are taken",
        "slider_core/data/simpletuner/pictures.py",
        "    return sorted((large or order)[:most])",
        "    return list(among)[:most]",
        "tests/data/test_simpletuner.py -k limited",
    ),
    Mutant(
        "exclude_name is ignored",
        "slider_core/adapters/lycoris_config.py",
        "    targets = _not_excluded(read, targets, model)\n",
        "",
        "tests/adapters/test_lycoris_matching.py -k exclude",
    ),
    Mutant(
        "expressions of exclude_name match anywhere",
        "slider_core/adapters/expressions.py",
        "if re.match(expression, name)]",
        "if re.search(expression, name)]",
        "tests/adapters/test_lycoris_matching.py -k exclude",
    ),
    Mutant(
        "DoRA on LoKr leaves alpha out",
        "slider_core/adapters/dora.py",
        "        return whole.reshape(self.shape.full) * (self.alpha / self.rank)",
        "        return whole.reshape(self.shape.full)",
        "tests/adapters/test_kinds.py -k lokr",
    ),
    Mutant(
        "the number of a picture is not used",
        "slider_core/data/bucket.py",
        "(self.strength or 0.0) if example.strength is None else example.strength",
        "self.strength or 0.0",
        "tests/training/test_graded.py",
    ),
    Mutant(
        "the ends are not balanced",
        "slider_core/data/balance.py",
        "    rows, columns = linear_sum_assignment(apart)",
        "    rows = columns = list(range(min(apart.shape)))",
        "tests/data/test_numbers.py -k balanced",
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
    Mutant(
        "pairs are compared with all, themselves included",
        "slider_core/data/pair_measures.py",
        "F.normalize(weighted.sum(0) - weighted, dim=1)",
        "F.normalize(weighted.sum(0).expand_as(weighted), dim=1)",
        "tests/data/test_pair_check.py",
    ),
    Mutant(
        "partners that are no pairs are called pairs",
        "slider_core/data/pair_check.py",
        "NO_PAIRS = 0.7",
        "NO_PAIRS = 7.0",
        "tests/data/test_pair_check.py -k names_alone",
    ),
    Mutant(
        "graded pairs must all differ by as much",
        "slider_core/data/pair_check.py",
        "    size = pair.size / pair.apart\n",
        "    size = pair.size\n",
        "tests/data/test_pair_check.py -k graded",
    ),
    Mutant(
        "gradients of float16 models stay scaled",
        LOOP,
        "self.scaler.unscale_(self.optimiser)",
        "pass",
        SETTINGS,
    ),
)


@contextmanager
def copied() -> Iterator[Path]:
    """What git tracks of this checkout, as it is on disk, in a folder of the pack's name."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "concept-sliders"
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                (copy / name).write_bytes((ROOT / name).read_bytes())
        yield copy


def tested(root: Path, tests: str) -> int:
    """Runs the tests; pytest's exit code, FAILED also where they do not come to an end."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", *tests.split()]
    try:
        run = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return FAILED
    if run.returncode not in (PASSED, FAILED):
        raise MutantError(f"{' '.join(command)} could not be run:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return run.returncode


def survivors(root: Path, mutants: Iterable[Mutant]) -> Iterator[Mutant]:
    for mutant in mutants:
        before = mutant.apply(root)
        killed = tested(root, mutant.tests) == FAILED
        (root / mutant.file).write_text(before, encoding="utf-8")
        print(f"{'killed  ' if killed else 'SURVIVED'}  {mutant.name}", flush=True)
        if not killed:
            yield mutant


def main(names: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]
    if not chosen:
        sys.exit(f"No mutant is called so; there are: {', '.join(mutant.name for mutant in MUTANTS)}.")
    with copied() as root:
        print("First the tests on the code as it is.", flush=True)
        for tests in dict.fromkeys(mutant.tests for mutant in chosen):
            if tested(root, tests) != PASSED:
                sys.exit(f"Without a mutant, these tests must pass: {tests}")
        alive = list(survivors(root, chosen))
    print(f"{len(chosen) - len(alive)} of {len(chosen)} killed")
    return 1 if alive else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MutantError as error:
        sys.exit(str(error))
