"""What of ComfyUI and torch this pack changes for a while, or uses although it is no promised interface: all of it.

`check` looks for these names when ComfyUI starts; `tests/test_internals.py` shows that the code touches no others.
A name that may be absent has a `?`; a holder with `()` stands for an object, which is there once a model is loaded.
"Undone by": `replaced` and `ExitStack` put back what was there also after an error, a cancel and a lack of memory;
`-` means that nothing is changed. "Tested by" is a file below `tests/`.

Changed for a while       Why                                                   Undone by  Tested by

comfy.model_management
  in_training             models leave fused and in-place kernels aside         replaced   test_internals
comfy.model_prefetch
  make_prefetch_queue     blocks that run again fetch their weights themselves  replaced   test_internals
comfy.ops
  cast_bias_weight        weights are made again and not kept; norms by rows    replaced   gradients/test_cast_weights
  fp8_linear              has no backward pass                                  replaced   test_internals
comfy.controlnet.ControlBase
  control_merge           writes to what a ControlNet returned                  replaced   test_control
comfy.ldm.modules.attention
  optimized_attention     sage, flash and split attention lose the gradient     replaced   gradients/test_trainable
comfy_kitchen
  apply_rope              fused kernels have no backward pass                   replaced   test_gradients
  rms_rope                the same; and a slider on a fused norm changes it     replaced   nodes/test_apply_to_norms
  adaln                   fused kernels have no backward pass                   replaced   test_gradients
  rms_adaln               the same                                              replaced   test_gradients
comfy.cli_args.args
  disable_cuda_graphs?    a replayed graph would not know of adapters           replaced   nodes/test_apply_in_weights
comfy.model_sampling.ModelSamplingDiscrete()
  calculate_denoised      the network's own prediction is asked for             replaced   training/test_model_call
comfy.model_patcher.ModelPatcher()
  model_options           attention overrides of packs are left out in training replaced   gradients/test_trainable
comfy.controlnet.ControlNet()
  previous_controlnet     made before our own sliders are on a shared network   replaced   test_control
comfy.ops.manual_cast.Linear()
  comfy_force_cast_weights?
                          quantised layers compute with a dequantised weight    replaced   gradients/test_cast_weights
  cast_bias_weight?       the same, in the layers of GGUF packs                 replaced   gradients/test_cast_weights
torch.nn.Linear()
  forward                 blocks run again; a layer with an adapter as one      replaced   test_shared_input
  _parameters             normal tensors for inference tensors; a changed bias  ExitStack  gradients/test_trainable
  _buffers                normal tensors for inference tensors                  ExitStack  gradients/test_trainable
  _modules                layers found by their names, hundreds a call          -          test_strength
  requires_grad_          frozen while training, also where a pack left it on   finally    gradients/test_trainable
  _forward_hooks          adds adapters to a layer's output; a hook a layer     ExitStack  test_strength
  register_forward_pre_hook
                          a control picture for each row; prompts made anew     ExitStack  test_control
torch.compiler
  set_stance              a compiled model knows nothing of hooks               ExitStack  test_strength

Used                      Why                                                   Undone by  Tested by

comfy.model_patcher
  ModelPatcher            what nodes are given as a model                       -          nodes/test_apply
  create_model_options_clone
                          a call as ComfyUI's sampler prepares it               -          training/test_model_call
comfy.model_patcher.ModelPatcher()
  patches                 sliders in the weights; clones alone are written to   -          nodes/test_apply_in_weights
  patches_uuid            by it ComfyUI knows what is loaded                    -          nodes/test_apply_in_weights
  parent                  the same                                              -          nodes/test_apply_in_weights
  hook_patches            LoRAs that prompts bring stay beside sliders          -          nodes/test_apply_in_weights
  hook_patches_backup     the same                                              -          nodes/test_apply_in_weights
  hook_mode               the same                                              -          nodes/test_apply_in_weights
  forced_hooks            the same                                              -          nodes/test_apply_in_weights
  backup                  what a checkpoint was made on, whatever is loaded     -          training/test_digest
  backup_buffers          the same                                              -          training/test_digest
  object_patches          the same                                              -          training/test_digest
  object_patches_backup   the same                                              -          training/test_digest
  weight_wrapper_patches  the same                                              -          training/test_digest
  attachments             sliders travel with a model's clones                  -          nodes/test_apply
comfy.patcher_extension
  WrappersMP              wrappers around sampling, prompts and model calls     -          nodes/test_apply
  CallbacksMP             sliders leave the card when a run ends                -          nodes/test_apply_in_weights
  WrapperExecutor         wrappers are opened again around the backward pass    -          training/test_exact_steps
  copy_nested_dicts       options of one call                                   -          training/test_model_call
comfy.samplers
  KSampler                the names of samplers and schedulers                  -          settings/test_settings
  process_conds           a prompt as the model takes it                        -          training/test_model_call
  get_area_and_mult       the same                                              -          training/test_model_call
  cond_cat                rows in one call                                      -          training/test_model_call
  can_concat_cond         which rows can be                                     -          training/test_model_call
  cast_to_load_options    the same call on the device                           -          training/test_model_call
  CFGGuider               guidance along words before anything is trained       -          training/test_words
  calc_cond_batch         all prompts of that guidance in one call              -          training/test_words
  sampler_object          a sampler by its name                                 -          training/test_words
  resolve_areas_and_cond_masks_multidim
                          regions of prompts, for the negative's strength       -          nodes/test_apply
comfy.sampler_helpers
  convert_cond            a prompt as the sampler takes it                      -          training/test_model_call
  prepare_model_patcher   hooks and wrappers of a call                          -          training/test_model_call
comfy.sample
  sample                  the stock KSampler                                    -          evaluation/test_sweep
  prepare_noise           the same                                              -          evaluation/test_sweep
  fix_empty_latent_channels
                          the same                                              -          evaluation/test_sweep
comfy.k_diffusion
  sampling                which samplers draw noise on the way                  -          evaluation/test_sweep
comfy.model_management
  load_models_gpu         a model on its device before it is trained            -          test_gradients
  intermediate_device     where latents lie                                     -          evaluation/test_sweep
  is_oom                  out of memory, in each way torch says it              -          training/test_fit
  raise_non_oom           the same                                              -          evaluation/test_sweep
  soft_empty_cache        room for a smaller step                               -          training/test_fit
  InterruptProcessingException
                          ComfyUI's cancel                                      -          nodes/test_train_again
  interrupt_current_processing
                          Ctrl+C in a training without a page                   -          headless/test_cancel
comfy.model_sampling
  CONST                   what a model predicts                                 -          training/test_model_call
  COSMOS_RFLOW            the same                                              -          training/test_model_call
comfy.controlnet
  ControlBase             sliders on ControlNets                                -          test_control
  load_controlnet         a ControlNet from a file                              -          headless/test_train
comfy.ldm.modules.attention
  attention_pytorch       stands in for attention without a backward pass       -          gradients/test_trainable
  attention_basic         attention with a backward pass                        -          gradients/test_trainable
  attention_xformers      the same                                              -          gradients/test_trainable
comfy_kitchen.backends
  eager                   stands in for fused kernels                           -          test_gradients
comfy.ops
  CastWeightBiasOp        layers that cast their weight                         -          gradients/test_cast_weights
  uncast_bias_weight      gives the memory of a cast weight back                -          gradients/test_cast_weights
  disable_weight_init     layers that are W x + b, computed with their adapters -          test_shared_input
comfy.quant_ops
  QuantizedTensor         weights in fp8 and the like                           -          gradients/test_cast_weights
comfy.quant_ops.QuantizedTensor()
  _qdata                  where its memory is                                   -          gradients/test_cast_weights
comfy.lora
  load_lora               any LoRA file, as ComfyUI reads it                    -          files/test_foreign_files
  calculate_weight        patches of one weight, one on the other               -          nodes/test_apply_in_weights
  model_lora_keys_unet    the names that ComfyUI's loader knows                 -          files/test_stock_loader
comfy.lora_convert
  convert_lora            names of other programs                               -          files/test_foreign_files
comfy.weight_adapter
  WeightAdapterBase       several sliders as one patch                          -          nodes/test_apply_in_weights
  LoRAAdapter             kinds of change that files bring                      -          files/test_foreign_files
  LoHaAdapter             the same                                              -          files/test_foreign_files
  LoKrAdapter             the same                                              -          files/test_foreign_files
  GLoRAAdapter            the same                                              -          files/test_foreign_files
  OFTAdapter              the same                                              -          files/test_foreign_files
  BOFTAdapter             the same                                              -          files/test_foreign_files
comfy.sd
  VAE                     what a checkpoint was made on                         -          training/test_digest
  CLIP                    what captions kept on disk were encoded by            -          encoding/test_kept_encodings
  CLIPType                text encoders in config files                         -          config/test_config
  load_checkpoint_guess_config
                          models from files, without a page                     -          headless/test_train
  load_diffusion_model    the same                                              -          headless/test_train
  load_clip               the same                                              -          headless/test_train
comfy.utils
  load_torch_file         any file of tensors                                   -          files/test_other_files
torch
  _foreach_copy_          many small tensors in one operation                   -          test_low_rank
  _foreach_add_           the same                                              -          test_low_rank
torch.autograd.Variable
  _execution_engine       gradients of all layers handed over in one piece      -          test_low_rank
torch.ops.aten
  _unsafe_view            an output that models may write to                    -          test_low_rank
torch.nn.Conv2d
  _conv_forward           a convolution with another weight                     -          adapters/test_kinds
torch.Tensor()
  _version                whether a kept tensor was overwritten                 -          gradients/test_saved_tensors
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

TESTED_WITH = "0.30 to 0.33"
MOST_SAID = 5


class MissingInternalError(RuntimeError):
    """This ComfyUI does not have what the pack needs of it."""


def touched() -> Iterator[str]:
    """The names of the table, with their holders."""
    holder = ""
    for line in (__doc__ or "").splitlines():
        if re.fullmatch(r"(comfy|torch)[\w.]*(\(\))?", line):
            holder = line
        elif (found := re.match(r"  (\w+\??)( |$)", line)) and holder:
            yield f"{holder}.{found[1]}"


def missing() -> list[str]:
    """The names of the table that this ComfyUI and this torch do not have."""
    return [name for name in touched() if not name.endswith("?") and "()" not in name and not _is_there(name)]


def check() -> None:
    """Logs one line if something is missing."""
    if lacking := missing():
        logging.error(_message(lacking))


@contextmanager
def named() -> Iterator[None]:
    """Errors that come of what is missing say so.

    Raises:
        MissingInternalError: in the place of an import or attribute error, if something of the table is missing.
    """
    try:
        yield
    except (AttributeError, ImportError) as error:
        if lacking := missing():
            raise MissingInternalError(_message(lacking)) from error
        raise


def _is_there(name: str) -> bool:
    """Whether there is a module, or an attribute of one, of this name."""
    holder, _, attribute = name.rpartition(".")
    try:
        return not attribute or hasattr(_found(holder), attribute) or bool(import_module(name))
    except (ImportError, AttributeError):
        return False


def _found(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        holder, _, attribute = name.rpartition(".")
        if not holder:
            raise
        return getattr(_found(holder), attribute)


def _message(lacking: list[str]) -> str:
    more = f" and {len(lacking) - MOST_SAID} more" if len(lacking) > MOST_SAID else ""
    return (
        f"Concept Sliders: ComfyUI {_version()} does not have {', '.join(lacking[:MOST_SAID])}{more}, which training "
        f"or applying sliders needs. This version of Concept Sliders is tested with ComfyUI {TESTED_WITH}: update "
        "Concept Sliders, or use one of these."
    )


def _version() -> str:
    try:
        return str(import_module("comfyui_version").__version__)
    except (ImportError, AttributeError):
        return "(version unknown)"
