"""Trains a concept slider on the shipped tiny model in a real ComfyUI, and shows and measures what it does.

    python3 scripts/run.py demo [--concept smile|eyes] [--output FOLDER]

Draws six faces twice, with more and with less of the concept; starts ComfyUI, posts one workflow
(scripts/demo/workflow.py) and follows it. In the output folder are then the slider, a labelled grid of
seven strengths, the loss curve, and the concept and everything else measured from the pixels. Ends with exit code 1
if the concept does not follow the strength in both directions.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts" / "demo"), str(ROOT / "scripts"), str(ROOT)]

import install  # noqa: E402
import numpy as np  # noqa: E402
import run  # noqa: E402
import workflow  # noqa: E402
from comfy_server import DemoError, Server, free_port  # noqa: E402
from draw_faces import draw  # noqa: E402
from faces import Face, random_faces  # noqa: E402
from PIL import Image  # noqa: E402
from progress import Progress  # noqa: E402


@dataclass(frozen=True)
class Concept:
    """An attribute of faces that captions never name, and its value on each side."""

    attribute: str
    more: float
    less: float


CONCEPTS = {"smile": Concept("smile", 0.95, -0.95), "eyes": Concept("eye_brightness", 1.0, 0.0)}
HELD_OUT = {  # prompts that no training picture has
    "curly red": "a person with curly red hair, tan skin, green shirt, blue background",
    "long blue": "a person with long blue hair, light skin, red shirt, yellow background",
    "spiky blond": "a person with spiky blond hair, brown skin, blue shirt, glasses, purple background",
    "short gray": "a person with short gray hair, dark skin, white shirt, orange background",
}
SEEDS = 2  # of each prompt


def write_pictures(folder: Path, faces: list[Face]) -> None:
    """Pictures and their captions side by side, as Load Slider Bucket takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, face in enumerate(faces):
        Image.fromarray(np.rint(draw(face) * 255).astype(np.uint8)).save(folder / f"{number:02}.png")
        (folder / f"{number:02}.txt").write_text(face.caption(), encoding="utf-8")


def draw_buckets(folder: Path, concept: Concept) -> None:
    """Six faces with more and the same six with less of the concept, and six others."""
    faces = [face for face in random_faces(40, seed=7) if face.caption() not in HELD_OUT.values()]
    for name, value in (("positive", concept.more), ("negative", concept.less)):
        write_pictures(folder / name, [replace(face, **{concept.attribute: value}) for face in faces[:6]])
    write_pictures(folder / "neutral", faces[6:12])


def strengths() -> list[float]:
    first, last, count = workflow.STRENGTHS.split(":")
    return [round(float(value), 6) for value in np.linspace(float(first), float(last), int(count))]


def whole_workflow(options: argparse.Namespace) -> workflow.Workflow:
    return {
        **workflow.training(
            options.concept, neutral=options.neutral, **{n: getattr(options, n) for n in workflow.DEMO}
        ),
        **workflow.apply(HELD_OUT["curly red"], 1.0, seed=5, count=4),
        **workflow.sweep(HELD_OUT, seed=1, seeds=SEEDS),
    }


def files_of(outputs: dict[str, Any], node: str, base: Path) -> list[Path]:
    """The files that a SaveImage node wrote."""
    return [base / image["type"] / image["subfolder"] / image["filename"] for image in outputs[node]["images"]]


def collect(options: argparse.Namespace, outputs: dict[str, Any], base: Path, progress: Progress) -> bool:
    """Copies and writes the results; whether the slider does what it should."""
    import results
    from loss_chart import loss_chart

    output: Path = options.output
    shutil.copy(files_of(outputs, "grid", base)[0], output / "sweep.png")
    applied = [Image.open(file) for file in files_of(outputs, "save", base)]
    row = np.concatenate([np.asarray(image) for image in applied], axis=1)
    Image.fromarray(row).save(output / "applied.png")
    slider = max((base / "output" / "loras").glob("*.safetensors"), key=lambda file: file.stat().st_mtime)
    shutil.copy(slider, output / f"{options.concept}.safetensors")
    loss_chart(progress.losses).save(output / "loss.png")

    measured = results.read(CONCEPTS[options.concept].attribute, files_of(outputs, "frames", base), strengths())
    rows = measured.rows()
    results.write_csv(rows, output / "measured.csv")
    text = (
        f"{results.as_text(rows)}\n\n"
        f"{measured.concept}: mean, lowest and highest over {len(HELD_OUT) * SEEDS} rows (prompts and seeds that "
        f"training has not seen). The other columns are the leak: how far each other attribute moved from strength "
        f"0, numbers in standard deviations among random faces, choices as the share of pictures that changed.\n"
        f"In {measured.steady():.0%} of all single steps the {measured.concept} does not go back.\n"
    )
    (output / "measured.md").write_text(text, encoding="utf-8")
    print(f"\n{text}")
    return measured.monotonic()


async def demonstrate(options: argparse.Namespace) -> bool:
    comfyui = Path(os.environ.get("COMFYUI_PATH", ROOT / ".comfyui" / "ComfyUI"))
    base: Path = options.output / "comfyui"
    draw_buckets(base / "input" / "demo", CONCEPTS[options.concept])
    for folder in ("custom_nodes", "models", "output", "temp", "user"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    install.link_pack(base)
    cpu = [] if run.has_accelerator(Path(sys.executable)) else ["--cpu"]
    paths = ROOT / "scripts" / "demo" / "extra_model_paths.yaml"
    print("Starting ComfyUI …", flush=True)
    async with Server(comfyui, base, paths, free_port(options.port), cpu) as server:
        graph = workflow.completed(whole_workflow(options), await server.schemas())
        progress = Progress(graph)
        outputs = await server.run(graph, options.timeout, progress.on_event)
        progress.done()
    return collect(options, outputs, base, progress)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concept", choices=CONCEPTS, default="smile")
    parser.add_argument("--output", type=Path, default=ROOT / "demo_output")
    parser.add_argument("--steps", type=int, help="at most; with a learning rate, exactly")
    parser.add_argument("--learning-rate", type=float, help="0 finds it")
    parser.add_argument("--preset", help="of the layers")
    parser.add_argument("--batch-size", type=int, help="pairs of each step")
    parser.add_argument("--neutral", choices=["anchor", "plain", "off"], default="off")
    parser.add_argument("--port", type=int, default=0, help="of the server; any free one if left out")
    parser.add_argument("--timeout", type=float, default=1200, help="seconds that the workflow may take")
    parser.set_defaults(**workflow.DEMO)
    options = parser.parse_args()
    options.output = options.output.resolve()
    options.output.mkdir(parents=True, exist_ok=True)
    started = time.time()
    try:
        works = asyncio.run(demonstrate(options))
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(f"{time.time() - started:.0f} s. Look at {options.output / 'sweep.png'}")
    if not works:
        print(f"The {options.concept} does not follow the strength in both directions.", file=sys.stderr)
    return 0 if works else 1


if __name__ == "__main__":
    sys.exit(main())
