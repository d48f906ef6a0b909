"""Breaks of slider_core/applying."""

from mutations.mutant import Mutant

SAMPLED = "tests/nodes/test_apply_on_every_family.py"

MUTANTS = (
    Mutant(
        "preview the other way",
        "slider_core/applying/steering.py",
        "guided + strengths",
        "guided - strengths",
        "tests/training/test_words.py -k preview",
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
)
