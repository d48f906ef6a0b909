"""Runs a script with ComfyUI and the pack importable: in_comfyui.py [COMFYUI OPTIONS] FILE [ARGS].

ComfyUI comes up as its main.py brings it up, on the device that is there. Its options (--cpu, --lowvram,
--disable-dynamic-vram, --reserve-vram=2 …) stand before FILE; FILE's folder is on the path.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACK = "concept_sliders"


# What ComfyUI's --cuda-device sets.
VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ASCEND_RT_VISIBLE_DEVICES")


def use_own_device() -> None:
    """Of a host's devices, each process that torchrun has started sees the one of its local rank."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return
    local, count = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    named = next((os.environ[name] for name in VISIBLE if os.environ.get(name)), None)
    devices = named.split(",") if named else [str(number) for number in range(count)]
    if len(devices) < count:
        sys.exit(
            f"torchrun starts {count} processes on this host, but only devices {named} are visible. Start "
            f"{len(devices)} (--nproc-per-node)."
        )
    os.environ.update(dict.fromkeys(VISIBLE, devices[local]))


def import_comfyui(options: Sequence[str] = ()) -> None:
    """Makes ComfyUI importable and starts it with these options of its main.py.

    ComfyUI's own `nodes` must win over our folder of that name. The order is main.py's: the allocator and
    comfy-aimdo are set up before torch, and dynamic VRAM is turned on before a model is loaded.
    """
    sys.path.insert(0, os.environ.get("COMFYUI_PATH", str(ROOT / ".comfyui" / "ComfyUI")))
    from comfy import cli_args

    cli_args.parser.parse_args(options, namespace=cli_args.args)
    if not cli_args.args.cpu:
        use_own_device()
        import cuda_malloc  # noqa: F401

    dynamic = _start_aimdo(cli_args)
    import torch

    if not torch.accelerator.is_available():
        cli_args.args.cpu = True
    import nodes  # noqa: F401

    if dynamic and not cli_args.args.cpu:
        _turn_on_dynamic_vram()


def _start_aimdo(cli_args) -> bool:
    """Lets comfy-aimdo take over the card's memory, unless the options (or a ComfyUI without it) say otherwise."""
    if not getattr(cli_args, "enables_dynamic_vram", lambda: False)():
        return False
    from comfy_aimdo import control

    reserve, pressure = cli_args.args.reserve_vram, not cli_args.args.disable_nvml_pressure
    headroom = None if reserve is None else int(reserve * 1024**3)
    return bool(control.init(simple_vram_headroom=headroom, nvml_pressure=pressure))


def _turn_on_dynamic_vram() -> None:
    import comfy.memory_management
    from comfy import cli_args, model_management, model_patcher
    from comfy_aimdo import control

    wanted = model_management.is_nvidia() and not model_management.is_wsl()
    if not (wanted or cli_args.args.enable_dynamic_vram):
        return
    headroom = int(cli_args.args.vram_headroom * 1024**3)
    if control.init_devices((device.index, headroom) for device in model_management.get_all_torch_devices()):
        control.set_log_warning()
        model_patcher.CoreModelPatcher = model_patcher.ModelPatcherDynamic
        comfy.memory_management.aimdo_enabled = True
    else:
        logging.warning("comfy-aimdo does not work on this machine: dynamic VRAM is off.")


def import_pack() -> None:
    """Makes this pack importable as the one package `concept_sliders`."""
    spec = importlib.util.spec_from_file_location(
        PACK, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None and spec.loader is not None
    pack = importlib.util.module_from_spec(spec)
    sys.modules[PACK] = pack
    spec.loader.exec_module(pack)


def main() -> None:
    arguments = sys.argv[1:]
    file = next((i for i, word in enumerate(arguments) if not word.startswith("--")), None)
    if file is None:
        sys.exit(__doc__)
    options, sys.argv = arguments[:file], arguments[file:]
    sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent))
    import_comfyui(options)
    import_pack()
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
