"""The text encoder of the tiny face model: one token a word, two small transformer layers. Needs only torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

LENGTH = 16
WIDTH = 64
HEADS = 4
LAYERS = 2
WORDS = (
    "<pad> a person with hair skin shirt glasses background short long curly spiky light tan brown dark "
    "black blond red gray blue pink green yellow white orange purple"
).split()


class WordTokenizer:
    """One token a known word, in the form of a Hugging Face tokenizer; unknown words are left out."""

    @classmethod
    def from_pretrained(cls, path: str, **kwargs: Any) -> WordTokenizer:
        return cls()

    def __init__(self, words: Sequence[str] = WORDS) -> None:
        self.words = words
        self.numbers = {word: number for number, word in enumerate(words)}

    def __call__(self, text: str) -> dict[str, list[int]]:
        words = re.findall(r"[a-z]+", text.lower())
        return {"input_ids": [self.numbers[word] for word in words if word in self.numbers]}

    def get_vocab(self) -> dict[str, int]:
        return self.numbers

    def decode(self, tokens: list[int], skip_special_tokens: bool = True) -> str:
        return " ".join(self.words[token] for token in tokens if token or not skip_special_tokens)


class Layer(nn.Module):
    """A pre-norm transformer layer in which every word sees every other."""

    def __init__(self, dtype: torch.dtype | None, device: Any, operations: Any):
        super().__init__()
        kind = {"dtype": dtype, "device": device}
        self.norm1 = operations.LayerNorm(WIDTH, **kind)
        self.qkv = operations.Linear(WIDTH, 3 * WIDTH, **kind)
        self.proj = operations.Linear(WIDTH, WIDTH, **kind)
        self.norm2 = operations.LayerNorm(WIDTH, **kind)
        self.fc1 = operations.Linear(WIDTH, 4 * WIDTH, **kind)
        self.fc2 = operations.Linear(4 * WIDTH, WIDTH, **kind)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(seen.transpose(1, 2).flatten(2))
        return x + self.fc2(nn.functional.gelu(self.fc1(self.norm2(x))))


class TinyFacesText(nn.Module):
    """Words and their places to a [batch, words, 64] context; no pooled output. `config` may say how many `words`."""

    num_layers = LAYERS

    def __init__(self, config: Mapping[str, Any], dtype: torch.dtype | None, device: Any, operations: Any):
        super().__init__()
        count = config.get("words", len(WORDS))
        self.words = operations.Embedding(count, WIDTH, dtype=dtype, device=device)
        self.places = operations.Embedding(LENGTH, WIDTH, dtype=dtype, device=device)
        self.layers = nn.ModuleList(Layer(dtype, device, operations) for _ in range(LAYERS))
        self.norm = operations.LayerNorm(WIDTH, dtype=dtype, device=device)

    def get_input_embeddings(self) -> nn.Module:
        return self.words

    def forward(self, tokens: None, mask: None, *, embeds: Tensor, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """SDClipModel gives embedded words, and takes (last layer, asked-for layer, pooled)."""
        places = torch.arange(embeds.shape[1], device=embeds.device).clamp(max=LENGTH - 1)
        x = embeds + self.places(places, out_dtype=embeds.dtype)
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        return x, x
