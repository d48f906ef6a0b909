"""Measures a slider's training on one device against several, by torchrun, on a model with random weights.

    python3 scripts/run.py python benchmarks/several.py [--processes 2] [--model z_image] [--size 1024] [--out FOLDER]

First one process trains with one picture per sign and step, then with as many as there are processes, then all of them
share the latter. Efficiency is the pictures per second and device against those of one device: `same each` where each
device has the same work as alone, `same step` where all share the very step of one. --kill ends one of the processes
afterwards, in the middle of its training, and tells how long the others live. Ends with a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
START = HERE.parent / "scripts" / "in_comfyui.py"
MARK = "@several "  # begins the lines by which a process tells its rows


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--model", default="z_image")
    parser.add_argument("--dtype", default="bf16")
    parser.add_argument("--size", type=int, default=1024, help="edge of a picture in pixels")
    parser.add_argument(
        "--steps", type=int, default=10, help="of each measurement, the first three not counted"
    )
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--limit", type=float, default=70, help="seconds after which a run is ended")
    parser.add_argument(
        "--tiny", action="store_true", help="a tiny model on the CPU: the same code without a card"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"))
    return parser.parse_args()


def rows_of(given: argparse.Namespace, processes: int, batches: list[int], *more: str) -> list[dict[str, Any]]:
    """What a run of so many processes tells, at each batch size."""
    torchrun = ["-m", "torch.distributed.run", "--nnodes=1", f"--nproc-per-node={processes}"]
    place = [
        "--master-addr=127.0.0.1",
        f"--master-port={free_port()}",
    ]  # also where the host's name is not known
    comfyui = ["--cpu"] if given.tiny else ["--disable-dynamic-vram"]
    case = [
        str(HERE / "several_case.py"), "--model", given.model, "--dtype", "fp32" if given.tiny else given.dtype,
        "--size", str(given.size), "--steps", str(given.steps), "--batches", ",".join(map(str, batches)),
        *(["--tiny"] if given.tiny else []), *more,
    ]  # fmt: skip
    command = [sys.executable, *torchrun, *place, str(START), *comfyui, *case]
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    env = {"GLOO_SOCKET_IFNAME": "lo", **os.environ, "OMP_NUM_THREADS": "1" if given.tiny else threads}
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    try:
        told, _ = process.communicate(timeout=given.limit)
    except subprocess.TimeoutExpired:
        process.terminate()
        told, _ = process.communicate()
    with (given.out / "several.log").open("a") as log:
        log.write(told)
    rows = [json.loads(line.removeprefix(MARK)) for line in told.splitlines() if line.startswith(MARK)]
    seconds = time.monotonic() - started
    print(f"{processes} process(es): {len(rows)} of {len(batches)} measured in {seconds:.0f} s", flush=True)
    for row in rows:
        print(" ", json.dumps(row), flush=True)
    return rows


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def main() -> int:
    given = options()
    given.out.mkdir(parents=True, exist_ok=True)
    count = given.processes
    alone = {row["batch"]: row for row in rows_of(given, 1, [1, count])}
    shared = {row["batch"]: row for row in rows_of(given, count, [count])}
    result = {"model": given.model, "size": given.size, "processes": count, "alone": alone, "shared": shared}
    if count in shared:
        seconds = shared[count]["seconds"]
        if 1 in alone:
            result["same each"] = round(alone[1]["seconds"] / seconds, 3)
        if count in alone:
            result["same step"] = round(alone[count]["seconds"] / (count * seconds), 3)
            result["loss apart"] = abs(alone[count]["losses"][0] / shared[count]["losses"][0] - 1)
    if given.kill:
        (killed,) = rows_of(given, count, [count], "--kill") or [{"killed": float("nan")}]
        result["seconds after a kill"] = round(time.time() - killed["killed"], 1)
    print(json.dumps(result))
    (given.out / "several.json").write_text(json.dumps(result, indent=1))
    return 0 if "same step" in result else 1


if __name__ == "__main__":
    sys.exit(main())
