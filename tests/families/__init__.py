"""The models that the tests run on: a file for each in slider_core/architectures/families, of the same name."""

from importlib import import_module
from pathlib import Path

from .variant import Control, Newer, Published, Tiny

FILES = sorted(
    path.stem for path in Path(__file__).parent.glob("[!_]*.py") if path.stem not in ("twin", "variant")
)
VARIANTS = [variant for file in FILES for variant in import_module(f"{__name__}.{file}").VARIANTS]

TINY: dict[str, Tiny] = {variant.name: variant for variant in VARIANTS if isinstance(variant, Tiny)}
NEWER: dict[str, Newer] = {variant.name: variant for variant in VARIANTS if isinstance(variant, Newer)}
WIDE: dict[str, Published | Newer] = {
    variant.name: variant for variant in VARIANTS if isinstance(variant, Published | Newer)
}
CONTROL: dict[str, Control] = {variant.name: variant for variant in VARIANTS if isinstance(variant, Control)}
