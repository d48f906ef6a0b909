"""Measures training and applying of sliders on whole models with random weights, unattended; needs no download.

    python3 scripts/run.py python benchmarks/gpu.py [--models sdxl,flux] [--cases step,apply] [--out FOLDER] …

Each case of each model runs in a process of its own and prints its lines as they come; what fails or runs out of
time leaves the others. --out keeps the table, the rows as JSON and the profiles. With dynamic VRAM (ComfyUI's
default on NVIDIA cards) a model comes from a file by the stock loader; without it, it is built on the card.

    step     ComfyUI's forward pass; bare forward and backward; a whole slider step; each of a pair of rows
    level    many slider steps: whether memory stays level (give --steps 100 --seconds 300)
    apply    one picture with a slider against the stock LoRA route; a change of strength
    sweep    seven strengths in a batch against one stock batch of seven
    small    a checkpointed step at 512 and 1024 pixels while another process leaves --limit-gb free
    gradient what a step's gradient differs by when another process leaves --limit-gb free, from all of the card's
    node     ComfyUI's Train LoRA with its own settings, standard and bypass; node_ours: with ours
    profile  where the time of a slider step goes, in --out/profiles.txt
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from measured import HEAD, MARK, Row, line
from random_models import DTYPES
from sizes import SIZES

HERE = Path(__file__).resolve().parent
START = HERE.parent / "scripts" / "in_comfyui.py"
CASES = {
    "step": ["step"], "level": ["level"], "apply": ["apply"], "sweep": ["sweep"], "small": ["small"],
    "gradient": ["gradient"], "profile": ["profile"],
    "node": ["node", "node_bypass"], "node_ours": ["node_ours", "node_ours_bypass"],
}  # fmt: skip
DYNAMIC = {"on": [True], "off": [False], "both": [False, True]}


class Bench:
    """A run of the benchmark: its options, its rows, and when the model at hand has to be done."""

    def __init__(self, given: argparse.Namespace, folder: Path):
        self.given, self.folder, self.rows = given, folder, list[Row]()
        self.ends = time.monotonic() + given.minutes * 60

    def all_models(self) -> None:
        """Each model in its share of the time."""
        end = self.ends
        for index, name in enumerate(self.given.models):
            now = time.monotonic()
            self.ends = now + (end - now) / (len(self.given.models) - index)
            self.model(name)

    def model(self, name: str) -> None:
        """All cases of a model, first those without a file."""
        tasks = [
            (part, dynamic, self._needs_file(name, case, dynamic))
            for case in self.given.cases
            for dynamic in ([True] if case in ("small", "gradient") else DYNAMIC[self.given.dynamic])
            for part in CASES[case]
        ]
        for case, dynamic, with_file in tasks:
            if not with_file:
                self.case(name, case, dynamic)
        if not any(with_file for *_, with_file in tasks):
            return
        file = self.folder / f"{name}-{self.given.dtype}.safetensors"
        self.child(name, "write", False, ["--file", str(file)])
        for case, dynamic, with_file in tasks:
            if with_file:
                self.case(name, case, dynamic, file)
        file.unlink(missing_ok=True)

    def _needs_file(self, name: str, case: str, dynamic: bool) -> bool:
        if self.given.tiny and not SIZES[name].found:
            return False
        return dynamic or case.startswith("node") or self.given.dtype == "fp8_scaled"

    def case(self, name: str, case: str, dynamic: bool, file: Path | None = None) -> None:
        more = ["--file", str(file)] if file else []
        free = f"{self.given.limit_gb:g} GB free"
        if case == "small":
            for pixels in (512, 1024):
                with held(self.given.limit_gb):
                    self.child(
                        name, case, dynamic, [*more, "--pixels", str(pixels)], f"{pixels} pixels, {free}"
                    )
            return
        more += ["--pixels", str(self.given.size)]
        self.child(name, case, dynamic, more)
        if case == "gradient":
            with held(self.given.limit_gb):
                self.child(name, case, dynamic, more, free)

    def child(self, name: str, case: str, dynamic: bool, more: list[str], note: str = "") -> None:
        given = self.given
        about = {"model": name, "dtype": given.dtype, "vram": "dynamic" if dynamic else "static"}
        seconds = min(given.limit, self.ends - time.monotonic())
        if seconds < 10:
            return self.add({**about, "what": case, "note": "left out: the time is over"})
        command = [
            sys.executable, str(START), *([] if dynamic else ["--disable-dynamic-vram"]), *given.comfyui,
            str(HERE / "case.py"), "--model", name, "--case", case, "--dtype", given.dtype, *more,
            "--steps", str(given.steps), "--seconds", str(given.seconds), "--checkpointing", given.checkpointing,
            "--rounds", str(given.rounds), "--pairs", str(given.pairs),
            *(["--tiny"] if given.tiny else []), "--out", str(given.out),
        ]  # fmt: skip
        with (given.out / "log.txt").open("a") as log:
            log.write(f"\n== {name} {case} {about['vram']}\n")
        for row in rows_of(command, seconds, given.out / "log.txt"):
            row["note"] = "; ".join(word for word in (note, row.get("note", "")) if word)
            self.add({**about, "case": case, **row})

    def add(self, row: Row) -> None:
        self.rows.append(row)
        print(line(row), flush=True)
        with (self.given.out / "table.txt").open("a") as table:
            table.write(line(row) + "\n")
        facts = {"machine": machine(), "commit": self.given.commit or commit(), "rows": self.rows}
        (self.given.out / "results.json").write_text(json.dumps(facts, indent=1))


def rows_of(command: list[str], seconds: float, log: Path) -> Iterator[Row]:
    """The rows that a case's process tells, and one for how it ended where it did not end well."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    killed: list[bool] = []
    timer = threading.Timer(seconds, lambda: (killed.append(True), process.kill()))
    timer.start()
    last = ""
    with log.open("a") as kept:
        for text in process.stdout:
            if text.startswith(MARK):
                yield json.loads(text.removeprefix(MARK))
            else:
                kept.write(text)
                last = text.strip() or last
    code = process.wait()
    timer.cancel()
    if killed:
        yield {"what": command[command.index("--case") + 1], "note": f"ended after {seconds:.0f} s"}
    elif code:
        yield {"what": command[command.index("--case") + 1], "note": f"ended with {code}: {last[:200]}"}


@contextmanager
def held(limit_gb: float) -> Iterator[None]:
    """While open, a process of its own holds the card's memory but for so many GB."""
    if not torch.cuda.is_available():
        yield
        return
    command = [sys.executable, str(HERE / "hold.py"), str(limit_gb)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline().strip() != "held":
        raise RuntimeError("The card's memory could not be held; does another program use it?")
    try:
        yield
    finally:
        process.communicate()


def machine() -> dict[str, Any]:
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    return {"device": card, "torch": torch.__version__, "date": time.strftime("%Y-%m-%d")}


def commit() -> str:
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def options() -> argparse.Namespace:
    def several(known):
        return lambda text: [known[word] and word for word in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=several(SIZES), default=list(SIZES), help=",".join(SIZES))
    parser.add_argument("--cases", type=several(CASES), default=["step", "apply"], help=",".join(CASES))
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument(
        "--dynamic", choices=DYNAMIC, default="both", help="with dynamic VRAM, without, or both"
    )
    parser.add_argument("--checkpointing", default="off,on")
    parser.add_argument("--size", type=int, default=1024, help="edge of a picture in pixels")
    parser.add_argument("--steps", type=int, default=100, help="most steps of a measurement")
    parser.add_argument("--seconds", type=float, default=8, help="most time of a measurement")
    parser.add_argument(
        "--rounds", type=int, default=1,
        help="times that step and apply take turns with what they are compared with; where a processor is shared, 3",
    )  # fmt: skip
    parser.add_argument("--pairs", type=int, default=1, help="of a step")
    parser.add_argument("--limit", type=float, default=120, help="seconds after which a case is ended")
    parser.add_argument(
        "--minutes", type=float, default=9.5, help="of the whole run; what is left then is left out"
    )
    parser.add_argument("--limit-gb", type=float, default=8, help="memory left free for the case small")
    parser.add_argument("--tiny", action="store_true", help="tiny models: the same code without a card")
    parser.add_argument("--comfyui", type=str.split, default=[], help="more options of ComfyUI: ' --lowvram'")
    parser.add_argument(
        "--folder", type=Path, help="for the weights (24 GB for Flux); a temporary one if not given"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"))
    parser.add_argument("--commit", help="what was measured, where git cannot tell")
    return parser.parse_args()


def main() -> None:
    given = options()
    given.out.mkdir(parents=True, exist_ok=True)
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        Bench(given, Path(folder)).all_models()


if __name__ == "__main__":
    main()
