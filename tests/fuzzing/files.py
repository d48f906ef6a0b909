"""Slider files that are cut off, lie about themselves or hold tensors of no LoRA, through every node that reads one."""

import json
import random
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import folder_paths
import torch
from as_comfyui import executed
from concept_sliders.nodes.apply import SliderApply
from concept_sliders.nodes.files import SliderSave
from concept_sliders.nodes.loras import SliderLoad
from concept_sliders.nodes.sweep import SliderSweep
from concept_sliders.slider_core.settings.files import FORMATS
from safetensors.torch import save

from .judging import Case
from .widgets import good, lora

FUSED = "diffusion_model.joint_blocks.0.x_block.attn.qkv"
WHOLE = "diffusion_model.joint_blocks.0.x_block.attn.proj"
NAN, INF = float("nan"), float("inf")
Tensors = Mapping[str, torch.Tensor]

ALPHAS = [torch.tensor(value) for value in (0.0, -1.0, NAN, INF, 1e38, True, 3, 1 + 2j)]
ALPHAS += [torch.ones(2), torch.ones(0), torch.ones(1, 1), torch.tensor(2.0, dtype=torch.float64)]
DTYPES = [
    torch.int8,
    torch.bool,
    torch.uint8,
    torch.int64,
    torch.float16,
    torch.float64,
    torch.bfloat16,
    torch.complex64,
    torch.float8_e4m3fn,
]
SHAPES = [(), (0,), (3,), (2, 0), (1, 1), (7, 5), (2, 3, 4), (2, 2, 2, 2), (2, 2, 2, 2, 2)]
KEYS = [
    "",
    ".",
    "lora_up.weight",
    "a" * 3000,
    "diffusion_model." * 200,
    f"{WHOLE}.lora_upp.weight",
    "x.\ud7ff.alpha",
    f"{WHOLE}.lora_up.weight.weight",
    "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight",
    f"{WHOLE}.diff_b",
    f"{WHOLE}.set_weight",
    f"{WHOLE}.reshape_weight",
    "lora_unet_joint_blocks_0_x_block_attn_proj.lokr_w1",
    f"{WHOLE}.hada_w1_a",
    f"{WHOLE}.oft_blocks",
    f"{WHOLE}.dora_scale",
    f"{WHOLE}.w_norm",
    f"{WHOLE}.a1.weight",
    "transformer.transformer_blocks.0.attn.to_q.lora_A.weight",
    f"{FUSED}.lokr_w2",
    f"{WHOLE}.lora_mid.weight",
    "lycoris_transformer_blocks_0_attn_to_q.lokr_w1",
    "transformer.transformer_blocks.0.attn.to_q.lora_B.weight",
]
VALUES = [
    "",
    "null",
    "7",
    "NaN",
    "[]",
    "{}",
    "[" * 50_000,
    "9" * 5000,
    '"\\ud800"',
    '{"a": 1e999}',
    "[[]]",
    "x" * 300_000,
    "[1, 2, 3]",
    "1e400",
    '[["a", 1e400, 1]]',
    '{"a": {"a": ' * 3000,
    "\0",
    '[["a", 1]]',
]
FIELDS = [
    "concept_sliders.layout",
    "concept_sliders.key_format",
    "usable_range",
    "buckets",
    "targets",
    "rank",
    "steps",
    "kind",
    "lora_adapter_metadata",
    "base_model",
]
PLACES = [
    [10**12, [None, None, 2, 2, None]],
    [384, [0, 10**11, 2, 2, "x"]],
    [10**11, [0, 10**11, 2, 2, "to_q"]],
    [384, [0, 128, 10**9, 2, "to_q"]],
    [384, [0, 128, 2, 0, "to_q"], [0, 128, 2, 2, "to_k"]],
    [384, [-5, 128, 2, 2, "q"]],
    [3, [0, 3, 2, 2, "to_q"]],
    [384],
    [384, [0, 128, -2, 2, "to_q"]],
    [384, [0, 128, 2, NAN, "to_q"]],
    {},
    None,
    [384, []],
    [384, [100, 284, 2, 2, "a" * 5000]],
    [True, [0, 1, 1, 1, 7]],
    [384.5, [0.5, 128, 2, 2, "transformer.x"]],
]


def written(tensors: Tensors, metadata: Mapping[str, str] | None = None) -> bytes:
    return save({key: tensor.contiguous() for key, tensor in tensors.items()}, dict(metadata or {}))


def raw(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def contents() -> Iterator[tuple[str, bytes]]:
    """Bytes of files, with what is wrong with them."""
    for layer in (WHOLE, FUSED):
        tensors = lora(layer)
        up, down, alpha = tensors
        short = layer.rpartition(".")[2]
        for key in tensors:
            yield f"{short} without {key[-12:]}", written({k: t for k, t in tensors.items() if k != key})
            yield f"{short} only {key[-12:]}", written({key: tensors[key]})
        for value in ALPHAS:
            yield f"{short} alpha {value}", written({**tensors, alpha: value})
        for dtype in DTYPES:
            yield f"{short} {dtype}", written({k: t.to(dtype) for k, t in tensors.items()})
        for shape in SHAPES:
            for key in (up, down):
                yield f"{short} {key[-12:]} {shape}", written({**tensors, key: torch.ones(shape)})
        for value in (NAN, INF, 1e38):
            yield f"{short} up {value}", written({**tensors, up: torch.full_like(tensors[up], value)})
        for place in PLACES:
            layout = json.dumps({layer: place})
            yield f"{short} layout {layout[:60]}", written(tensors, {"concept_sliders.layout": layout})
    tensors = lora(WHOLE)
    for key in KEYS:
        for shape in ((2, 2), (), tuple(tensors[f"{WHOLE}.lora_up.weight"].shape)):
            yield f"key {key[:40]} {shape}", written({**tensors, key: torch.ones(shape)})
            yield f"only key {key[:40]} {shape}", written({key: torch.ones(shape)})
    for field in FIELDS:
        for value in VALUES:
            yield f"{field} = {value[:20]}", written(tensors, {field: value})
    yield from _damaged(written(tensors, {"a": "b"}))


def _damaged(whole: bytes) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(0)
    for length in (0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1):
        yield f"cut at {length}", whole[:length]
    for index in range(30):
        at = chance.randrange(400)
        yield f"byte {index}", whole[:at] + bytes([chance.randrange(256)]) + whole[at + 1 :]
    huge = {"x": {"dtype": "F32", "shape": [10**6, 10**5], "data_offsets": [0, 4 * 10**11]}}
    odd = {"x": {"dtype": "F4", "shape": [1], "data_offsets": [0, 4]}}
    for index, header in enumerate([huge, odd, [], {}, 7, b"{", b"\xff", {"__metadata__": {"a": 1}}, {"x": 1}]):
        yield f"header {index}", raw(header, b"\0" * 4)
    yield "header of 2**63 bytes", (2**63).to_bytes(8, "little") + whole
    yield "more behind", whole + b"more"
    yield "a zip", b"PK\3\4" + bytes(100)


def cases() -> Iterator[Case]:
    for name, content in contents():
        yield Case(f"load {name}", partial(_run, SliderLoad, content, {}))
        yield Case(f"apply {name}", partial(_run, SliderApply, content, {"strength": 1.0}))
        yield Case(f"sweep {name}", partial(_run, SliderSweep, content, {"strengths": "-1, 1"}))
        for key_format in FORMATS:
            yield Case(f"save as {key_format} {name}", partial(_save, content, key_format, True))
        yield Case(f"save without model {name}", partial(_save, content, "diffusers", False))


def _run(node, content: bytes, given: dict, folder: Path):
    (folder / "slider.safetensors").write_bytes(content)
    known = folder_paths.folder_names_and_paths["loras"]
    folder_paths.folder_names_and_paths["loras"] = ([str(folder)], {".safetensors"})
    folder_paths.filename_list_cache.pop("loras", None)
    inputs = {**good(node), **given, "slider_file": "slider.safetensors"}
    inputs.pop("slider", None)
    try:
        with torch.inference_mode():
            return executed(node, **{name: [value] for name, value in inputs.items()})
    finally:
        folder_paths.folder_names_and_paths["loras"] = known
        folder_paths.filename_list_cache.pop("loras", None)


def _save(content: bytes, key_format: str, with_model: bool, folder: Path) -> None:
    (slider,), _ = _run(SliderLoad, content, {}, folder)
    inputs = {**good(SliderSave), "slider": slider, "key_format": key_format}
    if not with_model:
        inputs.pop("model", None)
    with torch.inference_mode():
        executed(SliderSave, **{name: [value] for name, value in inputs.items()})
