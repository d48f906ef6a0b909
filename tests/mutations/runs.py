"""Breaks of slider_core/runs."""

from mutations.mutant import Mutant

WIDGETS = "tests/nodes/test_train_settings.py -k widgets"

MUTANTS = (
    Mutant(
        "prompts with more and less exchanged",
        "slider_core/runs/words.py",
        "for side in (0, 1)",
        "for side in (1, 0)",
        "tests/nodes/test_words.py -k preview",
    ),
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
        "tests/nodes/test_train_previews.py -k preview",
    ),
    Mutant(
        "preview_negative ignored",
        "slider_core/runs/preview.py",
        "self.parts.preview_negative or empty_like",
        "empty_like",
        "tests/nodes/test_train_previews.py -k preview",
    ),
)
