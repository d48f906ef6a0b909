"""A slider from words alone: prompts with more and with less of a concept, and no pictures."""

from __future__ import annotations

import comfy.samplers
from comfy_api.latest import io

from .inputs import checked
from .progress import show
from .types import CATEGORY, SliderBuckets, SliderCycle

SHOWN = (-1.0, -0.5, 0.0, 0.5, 1.0)  # strengths of the preview


class SliderFromWords(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderFromWords",
            display_name="Slider from Words",
            category=CATEGORY,
            description="What Train Slider learns a concept from when there are no pictures of it: prompts with more "
            "and with less. The preview shows the direction before anything is trained.",
            search_aliases=["text slider", "prompt slider", "LECO", "concept slider from prompts"],
            inputs=[
                io.Model.Input(
                    "model", tooltip="The model that is trained on; it makes the practice pictures."
                ),
                io.Clip.Input("clip", tooltip="The model's text encoder."),
                io.Vae.Input("vae", tooltip="For the preview."),
                io.String.Input("more", default="a smiling person", tooltip="What strength +1 goes towards."),
                io.String.Input("less", default="a frowning person", tooltip="What strength -1 goes towards."),
                io.String.Input(
                    "neutral", default="a person", tooltip="What the slider is trained on: the same without it."
                ),
                io.String.Input(
                    "preserve",
                    default="",
                    multiline=True,
                    tooltip="What should not come along: an attribute a line, its values with commas between them, "
                    "like: old, young. Both prompts are compared with each value.",
                ),
                io.Float.Input(
                    "guidance",
                    default=3.0,
                    min=0.1,
                    max=20.0,
                    step=0.1,
                    tooltip="How far strength 1 goes along the difference of the prompts.",
                ),
                io.Int.Input("pictures", default=8, min=1, max=64, tooltip="Practice pictures of neutral."),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Of the first practice picture, which is also the preview's.",
                ),
                io.Int.Input("steps", default=20, min=1, max=200, tooltip="Of the sampler, as in KSampler."),
                io.Float.Input("cfg", default=4.0, min=0.0, max=100.0, step=0.1, tooltip="As in KSampler."),
                io.Combo.Input(
                    "sampler_name",
                    options=comfy.samplers.KSampler.SAMPLERS,
                    default="euler",
                    tooltip="As in KSampler.",
                ),
                io.Combo.Input(
                    "scheduler",
                    options=comfy.samplers.KSampler.SCHEDULERS,
                    default="simple",
                    tooltip="As in KSampler.",
                ),
                io.Int.Input(
                    "width", default=512, min=16, max=16384, step=8, tooltip="Of a picture, in pixels."
                ),
                io.Int.Input(
                    "height", default=512, min=16, max=16384, step=8, tooltip="Of a picture, in pixels."
                ),
                io.Conditioning.Input("negative", optional=True, tooltip="Else an empty prompt."),
            ],
            outputs=[
                SliderCycle.Output(display_name="cycle", tooltip="For Train Slider."),
                SliderBuckets.Output(
                    display_name="buckets", tooltip="For Slider Cycle, to train on pictures and words together."
                ),
                io.Image.Output(
                    display_name="preview", tooltip="The direction at five strengths, without any training."
                ),
                io.String.Output(
                    display_name="plan", tooltip="Which prompts are compared, and the first draws."
                ),
            ],
        )

    @classmethod
    @checked()
    def execute(cls, model, clip, vae, more, less, neutral, preserve, guidance, seed, pictures, **given):
        from ..slider_core.data import Bucket, Cycle, Example, Words, describe_cycle, phrases

        def encoded(text: str):
            return clip.encode_from_tokens_scheduled(clip.tokenize(text))

        pairs = phrases(more, less, preserve)
        words = Words(
            tuple(encoded(m) for m, _ in pairs), tuple(encoded(other) for _, other in pairs), guidance
        )
        calm, negative = encoded(neutral), given.get("negative") or encoded("")
        latents, preview = _sampled(model, vae, words, calm, negative, seed, pictures, given)
        examples = tuple(
            Example(f"{number}", neutral, latent, calm, words=words) for number, latent in enumerate(latents)
        )
        buckets = (Bucket("words, more", examples, 1.0), Bucket("words, less", examples, -1.0))
        cycle = Cycle(buckets, pairing="name", neutral="off", seed=seed)
        compared = [f"{one}  against  {other}" for one, other in pairs]
        plan = "\n".join([*compared, f"trained on {pictures} pictures of: {neutral}", describe_cycle(cycle)])
        return show(plan, cycle, buckets, preview, plan)


def _sampled(model, vae, words, neutral, negative, seed: int, count: int, given: dict):
    """The practice pictures' latents, and the first one at the strengths of the preview, as a labelled IMAGE."""
    import torch

    from ..slider_core.comfy_bridge.sampling import SamplerSettings, empty_latent
    from ..slider_core.comfy_bridge.steering import practice_latents, preview_latents
    from ..slider_core.evaluation import Prompt
    from ..slider_core.evaluation.sweep import Sweep, decode, stills
    from .sweep_pictures import grid_image

    settings = SamplerSettings(given["steps"], given["cfg"], given["sampler_name"], given["scheduler"])
    empty = empty_latent(model, given["width"], given["height"])
    seeds = [(seed + number) % 2**64 for number in range(count)]
    with torch.inference_mode():
        practice = practice_latents(model, neutral, negative, empty, seeds, settings)
        shown = preview_latents(model, words, neutral, negative, empty, seed, SHOWN, settings)
        sweep = Sweep((Prompt("before training", "before training"),), (seed,), SHOWN)
        return practice, grid_image(sweep, stills(decode(shown[None], vae.decode)))
