"""One model call as a sampler makes it."""

from comfy.model_management import load_models_gpu
from comfy.model_patcher import create_model_options_clone
from comfy.sampler_helpers import prepare_model_patcher
from tiny_models import tiny_call


def predict(model):
    """The denoised latents of one model call, as a sampler makes it."""
    load_models_gpu([model])
    options = create_model_options_clone(model.model_options)
    prepare_model_patcher(model, {}, options)
    return model.model.apply_model(**tiny_call("sd3"), transformer_options=options["transformer_options"])
