"""Writes the golden files: values and derivatives of one theme, computed in float64 by another system.

Key scheme (see README.md): `case/input`, `case/y`, `case/gy`, `case/g<input>`, `case/v<input>`, `case/gg<input>`.
"""

import io
import pathlib
import zipfile

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

FOLDER = pathlib.Path(__file__).parent


class Cases:
    def __init__(self, theme, seed, by_cotangent=False):
        self.theme = theme
        self.by_cotangent = by_cotangent
        self.random = np.random.RandomState(seed)
        self.entries = {}

    def draw(self, *shape, low=-2.0, high=2.0):
        """Uniform numbers that are exact multiples of 1/128 and never 0, so that no kink is hit by chance."""
        k = self.random.randint(int(low * 128), int(high * 128) + 1, size=shape)
        k = np.where(k == 0, 1, k)
        return k / 128.0

    def cotangent(self, *shape):
        """Multiples of 1/8: few bits, so that the files stay small."""
        k = self.random.randint(-8, 9, size=shape)
        return np.where(k == 0, 3, k) / 8.0

    def distinct(self, *shape, low=-2.0, high=2.0):
        """As `draw`, without ties: the maximum of any window is unique."""
        n = int(np.prod(shape))
        assert n <= (high - low) * 128, "too many for distinct multiples of 1/128"
        k = self.random.permutation(np.arange(int(low * 128), int(high * 128)))[:n]
        return k.reshape(shape) / 128.0 + 1.0 / 1024

    def store(self, key, value):
        value = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        assert key not in self.entries, key
        assert value.dtype in (np.float64, np.float32, np.int64, np.bool_), (key, value.dtype)
        assert value.dtype != np.float64 or np.isfinite(value).all(), key
        self.entries[key] = value

    def case(self, name, function, order=2, settings=None, fixed=None, **inputs):
        """Records `function(**inputs, **fixed)` and its derivatives.

        `inputs` are differentiated, `fixed` are arrays that are not (indices, masks, labels), `settings` are
        numbers stored for the reader and not passed on. The function returns one tensor `y`, or a dict of named
        tensors.
        """
        variables = {k: torch.tensor(v, dtype=torch.float64, requires_grad=order > 0) for k, v in inputs.items()}
        assert not any(k.startswith(("y", "g")) and k != "gamma" for k in variables), "clashes with the key scheme"
        constants = {k: torch.as_tensor(np.asarray(v)) for k, v in (fixed or {}).items()}
        outputs = function(**variables, **constants)
        if not isinstance(outputs, dict):
            outputs = {"y": outputs}

        for k, v in (settings or {}).items():
            v = np.asarray(v)
            self.store(f"{name}/{k}", v.astype(np.int64) if v.dtype.kind in "iu" else v)
        for k, v in variables.items():
            self.store(f"{name}/{k}", v.detach().numpy())
        for k, v in constants.items():
            self.store(f"{name}/{k}", v.numpy())
        for k, v in outputs.items():
            self.store(f"{name}/{k}", v.detach().numpy())
        if order == 0:
            return

        cotangents = {}
        for k, v in outputs.items():
            cotangents[k] = torch.tensor(self.cotangent(*v.shape), requires_grad=True)
            self.store(f"{name}/g{k}", cotangents[k].detach().numpy())
        total = sum((outputs[k] * cotangents[k]).sum() for k in outputs)
        first = torch.autograd.grad(total, list(variables.values()), create_graph=order > 1)
        for k, g in zip(variables, first):
            self.store(f"{name}/g{k}", g.detach().numpy(force=True))
        if order == 1:
            return

        total = 0.0
        for k, g in zip(variables, first):
            v = self.cotangent(*g.shape)
            self.store(f"{name}/v{k}", v)
            total = total + (g * torch.tensor(v)).sum()
        names = list(variables) + list(cotangents)
        second = torch.autograd.grad(total, list(variables.values()) + list(cotangents.values()), allow_unused=True)
        for k, g, of in zip(names, second, list(variables.values()) + list(cotangents.values())):
            g = torch.zeros_like(of) if g is None else g + torch.zeros_like(of)
            prefix = "gg" if k in variables else "ggg"
            if k in variables or self.by_cotangent:
                self.store(f"{name}/{prefix}{k}", g.detach().numpy(force=True))

    def write(self):
        path = FOLDER / f"{self.theme}.npz"
        # As numpy.savez_compressed, less the 64-bit size fields that weigh more than these small arrays.
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
            for key, value in self.entries.items():
                data = io.BytesIO()
                np.lib.format.write_array(data, np.asarray(value, order="C"), allow_pickle=False)
                file.writestr(zipfile.ZipInfo(f"{key}.npy"), data.getvalue(), zipfile.ZIP_DEFLATED, 9)
        cases = {k.split("/")[0] for k in self.entries}
        print(f"{path.name}: {len(cases)} cases, {len(self.entries)} arrays, {path.stat().st_size / 1000:.0f} kB")
