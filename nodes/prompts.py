"""Prompts with a slider strength each, in SimpleTuner's JSON."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..slider_core.given import STRONGEST
from .input_folder import input_path, json_files
from .inputs import checked
from .json_text import file_text
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
                    options=[NO_FILE, *json_files()],
                    default=NO_FILE,
                    tooltip="A .json file below ComfyUI's input folder, used instead of the text.",
                ),
                io.String.Input(
                    "library",
                    default=EXAMPLE,
                    multiline=True,
                    tooltip='JSON: "name": "prompt", or "name": {"prompt": …, "adapter_strength": …} '
                    '(or "caption" or "tags"). '
                    '"neutral": true marks a prompt that the slider should not change.',
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-STRONGEST,
                    max=STRONGEST,
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
        try:
            if file not in (None, NO_FILE):
                library_text(file)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, file: str = NO_FILE, **_: Any) -> float:
        return 0.0 if file in (None, NO_FILE) else input_path(file).stat().st_mtime

    @classmethod
    @checked(own=["file"])
    def execute(cls, clip: Any, file: str, library: str, strength: float) -> io.NodeOutput:
        from dataclasses import replace

        from ..slider_core.evaluation import parse_library
        from ..slider_core.strength import with_strength

        text = library if file == NO_FILE else library_text(file)
        prompts = [
            replace(prompt, conditioning=clip.encode_from_tokens_scheduled(clip.tokenize(prompt.text)))
            for prompt in parse_library(text, strength)
        ]
        conditionings = [
            [[tensor, with_strength(options, prompt.strength)] for tensor, options in prompt.conditioning]
            for prompt in prompts
        ]
        lines = [f"{prompt.name}: {prompt.strength:+g}  {prompt.text}" for prompt in prompts]
        lines += [f"Note: {prompt.name}: {note}" for prompt in prompts for note in prompt.notes]
        report = "\n".join(lines)
        return show(report, tuple(prompts), conditionings, [prompt.name for prompt in prompts], report)


def library_text(file: str) -> str:
    """The text of a library below ComfyUI's input folder; see `file_text`."""
    return file_text(file, "prompt library")
