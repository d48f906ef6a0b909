"""What the pack touches of ComfyUI and torch stands in one table, and what is missing of it is said in one line."""

import ast
import asyncio
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import concept_sliders
import pytest
import torch
from comfy import model_management, model_prefetch, ops
from comfyui_version import __version__
from concept_sliders.nodes.targets import SliderTargets
from concept_sliders.slider_core import internals
from concept_sliders.slider_core.gradients.cast_weights import CastWeights
from concept_sliders.slider_core.gradients.differentiable import _replacements, differentiable
from concept_sliders.slider_core.gradients.trainable import trainable
from import_path import import_path
from tiny_models import tiny_call, tiny_model

ROOT = Path(__file__).resolve().parent.parent
TABLE = set(internals.touched())
NAMES = {re.sub(r"\W", "", name.rpartition(".")[2]) for name in TABLE}


def trees():
    for path in sorted((ROOT / "slider_core").rglob("*.py")):
        yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def dotted(node):
    """`a.b.c` of an expression; None if it is no such chain of names."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def is_comfy(module):
    return (module or "").partition(".")[0] in ("comfy", "comfy_kitchen")


def used_of_comfyui(tree):
    """What is imported from ComfyUI's code, and what is read of its modules."""
    local = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and is_comfy(node.module):
            local |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            local |= {alias.name.partition(".")[0]: None for alias in node.names if is_comfy(alias.name)}
    chains = {dotted(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)} - {None}
    whole = {name for name, path in local.items() if path is None or is_module(path)}
    yield from (path for name, path in local.items() if name not in whole)
    for chain in chains:
        first, _, rest = chain.partition(".")
        if first in whole:
            yield f"{local[first] or first}.{rest}"


def is_module(path):
    return path in sys.modules


def own_names():
    """What the pack's own classes and functions are called, and have."""
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                yield node.name
            elif isinstance(node, ast.Attribute) and dotted(node.value) in ("self", "cls"):
                yield node.attr


def in_table(path):
    """Whether the name, or something that it is an attribute of, stands in the table."""
    parts = path.split(".")
    stated = any(".".join(parts[:end]) in TABLE for end in range(2, len(parts) + 1))
    return stated or is_module(path) or any(name.startswith(f"{path}.") for name in TABLE)


def test_every_name_of_comfyui_that_the_code_uses_is_in_the_table():
    used = {(str(file), path) for file, tree in trees() for path in used_of_comfyui(tree)}
    assert len(used) > 60
    assert [(file, path) for file, path in sorted(used) if not in_table(path) and "__all__" not in path] == []


def test_every_private_name_of_others_is_in_the_table():
    own = set(own_names())
    private = {
        node.attr
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr) and node.attr not in own
    }
    assert {"_foreach_add_", "_parameters"} <= private and private - NAMES == set()


def test_everything_that_is_replaced_is_in_the_table():
    replaced = {ast.literal_eval(call.args[1]) for call in calls("replaced") if is_text(call.args[1])}
    in_training = {name for _, name, _ in _replacements(CastWeights())}
    assert {"forward", "calculate_denoised"} <= replaced and {"fp8_linear", "apply_rope"} <= in_training
    in_options = {"optimized_attention_override"}  # of ModelPatcher().model_options
    variants = "|".join(("apply_rope", "rms_rope", "rms_adaln", "adaln", "optimized_attention"))
    names = {re.sub(rf"^({variants}).*", r"\1", name) for name in (replaced | in_training) - in_options}
    assert names - NAMES == set()


def calls(name):
    for _, tree in trees():
        yield from (n for n in ast.walk(tree) if isinstance(n, ast.Call) and dotted(n.func) == name)


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_what_is_in_the_table_is_there_and_the_tests_that_it_names_too():
    assert internals.missing() == []
    objects = {
        "comfy.model_patcher.ModelPatcher": tiny_model("sd3"),
        "torch.nn.Linear": torch.nn.Linear(1, 1),
        "torch.Tensor": torch.zeros(1),
        "comfy.model_sampling.ModelSamplingDiscrete": tiny_model("sd15").model.model_sampling,
    }
    for name in TABLE:
        holder, _, attribute = name.partition("().")
        if attribute and holder in objects:
            assert hasattr(objects[holder], attribute), name
    rows = re.findall(r" (?:replaced|ExitStack|finally|-) +(\S+)$", internals.__doc__, flags=re.MULTILINE)
    tests = set(rows)
    assert len(rows) == len(TABLE)
    assert len(tests) > 15 and [test for test in tests if not (ROOT / "tests" / f"{test}.py").is_file()] == []


def test_one_line_says_what_is_missing_and_in_which_comfyui(monkeypatch, caplog):
    internals.check()
    assert not caplog.records
    monkeypatch.delattr(ops, "fp8_linear")
    monkeypatch.delattr(torch, "_foreach_add_")
    with caplog.at_level(logging.ERROR):
        asyncio.run(concept_sliders.comfy_entrypoint())
    (record,) = caplog.records
    assert (
        f"ComfyUI {__version__} does not have comfy.ops.fp8_linear, torch._foreach_add_," in record.getMessage()
    )
    assert "\n" not in record.getMessage()


def test_a_node_that_needs_what_is_missing_says_so(monkeypatch):
    def select(*args, **kwargs):
        raise ImportError("cannot import name 'fp8_linear' from 'comfy.ops'")

    monkeypatch.setattr("concept_sliders.slider_core.architectures.select_by", select)
    with pytest.raises(ImportError, match="cannot import"):  # nothing is missing: the error is another one
        SliderTargets.execute(model=tiny_model("sd3"), preset="slider")
    monkeypatch.delattr(ops, "fp8_linear")
    with pytest.raises(internals.MissingInternalError, match=r"does not have comfy\.ops\.fp8_linear.*update"):
        SliderTargets.execute(model=tiny_model("sd3"), preset="slider")


WITHOUT = """
import asyncio, sys
from importlib import import_module
sys.path.insert(0, "scripts")
from in_comfyui import import_comfyui, import_pack
import_comfyui(["--cpu"]); import_pack()
import comfy_api.latest, nodes
from concept_sliders.slider_core import internals
needed_by_comfyui = ("comfy.samplers.KSampler",)
for name in set(internals.touched()) - set(needed_by_comfyui):
    holder, _, attribute = name.rpartition(".")
    if holder.startswith("comfy") and "()" not in name and holder in sys.modules:
        vars(sys.modules[holder]).pop(attribute, None)
import concept_sliders
extension = asyncio.run(concept_sliders.comfy_entrypoint())
print(*(node.GET_SCHEMA().node_id for node in asyncio.run(extension.get_node_list())))
"""


def test_nothing_that_is_missing_takes_the_nodes_down():
    env = {**os.environ, "PYTHONPATH": import_path(ROOT / "tests")}
    done = subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, env=env, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert {"SliderTrainer", "SliderApply", "SliderSweep", "BucketLoader"} <= set(done.stdout.split())
    assert len(re.findall("Concept Sliders: ComfyUI", done.stderr)) == 1


def test_blocks_are_not_fetched_ahead_in_training(monkeypatch):
    """A queue of blocks is for one run of each; a block that runs again would take another's place in it."""

    def queue(*args):
        raise AssertionError("blocks were fetched ahead")

    monkeypatch.setattr(model_prefetch, "make_prefetch_queue", queue)
    with trainable(tiny_model("minimax_h3")) as model:
        model.apply_model(**tiny_call("minimax_h3"))
    assert model_prefetch.make_prefetch_queue is queue


def test_models_know_that_they_are_in_training():
    with trainable(tiny_model("sd3")):
        assert model_management.in_training
    assert not model_management.in_training


def test_fp8_products_are_left_aside_in_training(monkeypatch):
    monkeypatch.setattr(ops, "fp8_linear", lambda layer, x: torch.full((*x.shape[:-1], 4), torch.nan))
    layer = ops.fp8_ops.Linear(4, 4, bias=False, dtype=torch.float32)
    layer.weight = torch.nn.Parameter(torch.eye(4).to(torch.float8_e4m3fn), requires_grad=False)
    x = torch.ones(2, 4, requires_grad=True)
    assert layer(x).isnan().all()
    with differentiable(CastWeights()):
        layer(x).sum().backward()
    assert torch.equal(x.grad, torch.ones(2, 4))
