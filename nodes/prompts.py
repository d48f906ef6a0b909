"""Prompts with a slider strength each, in the guide's JSON."""

from __future__ import annotations

from pathlib import Path

import folder_paths
from comfy_api.latest import io

from .progress import show
from .types import CATEGORY, SliderPrompts

NO_FILE = "[text below]"
EXAMPLE = """{
  "plain": "regular prompt",
  "slider_plus": { "prompt": "same prompt", "adapter_strength": 1.2 },
  "slider_minus": { "prompt": "same prompt", "adapter_strength": -0.5 }
}"""


class SliderPromptLibrary(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderPromptLibrary",
            display_name="Slider Prompt Library",
            category=CATEGORY,
            description="Named prompts, each with a slider strength of its own. A KSampler behind it makes a picture "
            "of each prompt; a Slider Sweep takes them all at every strength.",
            search_aliases=["prompt list", "validation prompts", "prompt library"],
            inputs=[
                io.Clip.Input("clip", tooltip="The model's text encoder."),
                io.Combo.Input(
                    "file",
                    options=[NO_FILE, *library_files()],
                    default=NO_FILE,
                    tooltip="A .json file below ComfyUI's input folder, used instead of the text.",
                ),
                io.String.Input(
                    "library",
                    default=EXAMPLE,
                    multiline=True,
                    tooltip='JSON: "name": "prompt", or "name": {"prompt": …, "adapter_strength": …}. '
                    '"neutral": true marks a prompt that the slider should not change.',
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-100.0,
                    max=100.0,
                    step=0.05,
                    tooltip="The global strength: for prompts that name none of their own.",
                ),
            ],
            outputs=[
                SliderPrompts.Output(display_name="prompts", tooltip="All of them, for Slider Sweep."),
                io.Conditioning.Output(
                    display_name="conditioning",
                    is_output_list=True,
                    tooltip="One after the other, with strengths.",
                ),
                io.String.Output(
                    display_name="names", is_output_list=True, tooltip="Their names, in the same order."
                ),
                io.String.Output(display_name="report", tooltip="All names, strengths and prompts."),
            ],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        if file in (None, NO_FILE, *library_files()):
            return True
        return f"There is no prompt library {file!r} below ComfyUI's input folder. Choose one of the list."

    @classmethod
    def fingerprint_inputs(cls, file: str = NO_FILE, **_) -> float:
        return library_path(file).stat().st_mtime if file in library_files() else 0.0

    @classmethod
    def execute(cls, clip, file: str, library: str, strength: float) -> io.NodeOutput:
        from dataclasses import replace

        from ..slider_core.evaluation import parse_library
        from ..slider_core.strength import with_strength

        if clip is None:
            raise ValueError(
                "The clip input got nothing: this checkpoint has no text encoder. Load one of its own."
            )
        text = library if file == NO_FILE else library_path(file).read_text(encoding="utf-8")
        prompts = [
            replace(prompt, conditioning=clip.encode_from_tokens_scheduled(clip.tokenize(prompt.text)))
            for prompt in parse_library(text, strength)
        ]
        conditionings = [
            [[tensor, with_strength(options, prompt.strength)] for tensor, options in prompt.conditioning]
            for prompt in prompts
        ]
        report = "\n".join(f"{prompt.name}: {prompt.strength:+g}  {prompt.text}" for prompt in prompts)
        return show(report, tuple(prompts), conditionings, [prompt.name for prompt in prompts], report)


def library_files() -> list[str]:
    """JSON files below ComfyUI's input folder, as `a/b.json`."""
    root = Path(folder_paths.get_input_directory())
    return sorted(file.relative_to(root).as_posix() for file in root.rglob("*.json") if file.is_file())


def library_path(file: str) -> Path:
    """The file's place on disk.

    Raises:
        ValueError: if it lies outside ComfyUI's input folder.
    """
    root = folder_paths.get_input_directory()
    place = Path(root, file)
    if not folder_paths.is_within_directory(root, str(place.resolve())):
        raise ValueError(f"{file!r} lies outside ComfyUI's input folder. Move it below it.")
    return place
