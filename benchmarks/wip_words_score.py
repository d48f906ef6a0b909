"""feasibility: diffusion classifier by words on drawn faces through the VAE"""

import sys, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [
    str(ROOT / "benchmarks"),
    str(ROOT / "scripts"),
    str(ROOT / "scripts/demo"),
    str(ROOT / "scripts/demo/custom_nodes"),
]
import numpy as np, torch
import sliders

torch.set_num_threads(1)
ground = sliders.load_ground()
from dataclasses import replace as rep
from faces import random_faces, draw
import measure as M
from concept_sliders.slider_core.training.model_call import ModelCalls, load as mload
from concept_sliders.slider_core.data import Example

W = {
    "hair": ("a person with red hair", "a person with blue hair", "red", "blue"),
    "skin": ("a person with dark skin", "a person with light skin", "dark", "light"),
    "background": ("a person with orange background", "a person with blue background", "orange", "blue"),
    "shirt": ("a person with red shirt", "a person with green shirt", "red", "green"),
}


def mix(palette, a, b, t):
    return tuple(np.array(palette[a]) * t + np.array(palette[b]) * (1 - t))


mload([ground.model])
calls = ModelCalls(ground.model)
faces = random_faces(10, seed=321)
rng = np.random.default_rng(0)
amounts = rng.uniform(0, 1, (10 * 4, 4))
import faces as F

lat = []
for k in range(40):
    f = faces[k % 10]
    vals = {}
    for i, a in enumerate(W):
        pal = M.PALETTES[a]
        key = f"mix{k}"
        pal[key] = mix(pal, W[a][2], W[a][3], amounts[k, i])
        vals[a] = key
    lat.append(ground.vae.encode(torch.from_numpy(draw(rep(f, **vals)))[None].float()))
examples = [Example(str(k), "a person", l, ground.text("a person")) for k, l in enumerate(lat)]
t0 = time.time()
with torch.inference_mode():
    conds = {a: (ground.text(W[a][0]), ground.text(W[a][1])) for a in W}
    for sig in (0.3, 0.5, 0.7, 0.9):
        D = np.zeros((40, 4))
        K = 4
        for i, a in enumerate(W):
            for k, e in enumerate(examples):
                more, less = calls.row_under(e, conds[a][0]), calls.row_under(e, conds[a][1])
                z = more.latent
                g = torch.Generator().manual_seed(0)
                noise = torch.randn((K, *z.shape[1:]), generator=g)
                zz = z.repeat(K, 1, 1, 1)
                s = torch.full((K,), sig)
                x = calls.noised(zz, noise, s)
                v = calls.target(zz, noise, s)
                pm = calls.predict([more] * K, x, s)
                pl = calls.predict([less] * K, x, s)
                D[k, i] = float(((pl - v) ** 2 - (pm - v) ** 2).sum((1, 2, 3)).mean())
        # regress D on amounts
        A = np.c_[amounts, np.ones(40)]
        B = np.linalg.lstsq(A, D, rcond=None)[0][:4]  # amount -> score
        print(
            "sigma",
            sig,
            "B[concept moved -> score] relative to own\n",
            (B / np.diag(B)[None, :]).T,
            "corr",
            [np.corrcoef(D[:, i], amounts[:, i])[0, 1] for i in range(4)],
            time.time() - t0,
            flush=True,
        )
