"""The pairs of a cycle, looked at before an hour of training goes into them."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io, ui

from ..slider_core.settings import PairSettings
from .inputs import checked
from .types import CATEGORY, SliderCycle
from .widgets import widgets


class SliderPairs(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderPairs",
            display_name="Check Slider Pairs",
            category=CATEGORY,
            description="Shows the pairs of a cycle as a contact sheet, those that look wrong first: the same picture "
            "twice, one that is moved, one in which something else changes, or far more than in the others.",
            search_aliases=["contact sheet", "pair check", "dataset preview", "misaligned"],
            is_output_node=True,
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
            inputs=[
                SliderCycle.Input("cycle", tooltip="From Slider Cycle."),
                io.Vae.Input("vae", tooltip="The model's VAE, which shows what the latents are."),
                *widgets(PairSettings, "most"),
            ],
            outputs=[
                SliderCycle.Output(display_name="cycle", tooltip="As it came, for Train Slider."),
                io.Image.Output(display_name="sheet", tooltip="The contact sheet."),
                io.String.Output(
                    display_name="report", tooltip="Every pair with its file, and what is wrong with it."
                ),
            ],
        )

    @classmethod
    @checked()
    def execute(cls, cycle: Any, vae: Any, most: int) -> io.NodeOutput:
        from ..slider_core.data.pair_check import check_pairs
        from ..slider_core.evaluation.contact_sheet import as_image, contact_sheet

        settings = PairSettings(most=most)
        check = check_pairs(cycle)
        if not check.pairs:
            raise ValueError(
                "There are no pairs to show: the pictures of the two sides have no names in common, or pairing is "
                "'random'. Name both pictures of a pair alike, or set pairing of Slider Cycle to 'order'."
            )
        shown = check.worst_first()[: settings.most]
        image = as_image(contact_sheet(shown, vae.decode))
        report = "\n".join([*_summary(check), *map(_line, shown)])
        return io.NodeOutput(
            cycle, image, report, ui={**ui.PreviewImage(image, cls=cls).as_dict(), "text": (report,)}
        )


def _summary(check: Any) -> list[str]:
    wrong = len(check.faulty)
    found = (
        f"{wrong} of {len(check.pairs)} pairs look wrong" if wrong else f"{len(check.pairs)} pairs, all alike"
    )
    first = "no pairs" if check.none else found
    return [f"{first}; partners differ {check.ratio:.2f} times as much as any two pictures.", *(
        [f"Note: {check.lines()[0]}"] if check.none else []
    )]  # fmt: skip


def _line(pair: Any) -> str:
    measured = f"agreement {pair.agreement:.2f}, outside {pair.outside:.0%}"
    return f"{pair.name}: {pair.fault or 'like the others'} ({measured})"
