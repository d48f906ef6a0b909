"""Pictures and captions through VAE and text encoder: examples for training, kept on disk by what they were made of."""

from .cache import Cache
from .dataset import Chain, encoded_chain, unencoded
from .encode import encoded
from .encoders import Encoders
from .numbered import numbered

__all__ = ["Cache", "Chain", "Encoders", "encoded", "encoded_chain", "numbered", "unencoded"]
