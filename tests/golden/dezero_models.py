"""The original DeZero's VGG16 and ResNet-50 with the weights of models.py: their logits, and whole files of weights.

    python dezero_models.py                    # writes dezero_models.npz
    python dezero_models.py --files FOLDER     # also writes what save_weights makes of both, and their logits
    DEZERO_FILES=FOLDER cargo test --test dezero_files      # loads those here and saves ours beside them
    python dezero_models.py --check FOLDER     # loads ours in the original and compares the logits

`<model>.keys.txt` is held to name exactly what is in the original's file: the published files load if these do.

dezero 0.0.13 needs a repair to make a ResNet at all: models.py calls `Conv2d(in, out, ...)`, which layers.py no longer takes.
"""

import argparse
import pathlib
import tempfile
import types

import numpy as np

np.int = int  # which dezero asks for, and NumPy 1.24 removed
import dezero
import dezero.layers
import dezero.models

from cases import FOLDER, Cases
from models import draw


class Conv2d(dezero.layers.Conv2d):
    """With the arguments that models.py gives it."""

    def __init__(self, in_channels, out_channels, kernel_size, stride, pad, nobias=False):
        super().__init__(out_channels, kernel_size, stride, pad, nobias, in_channels=in_channels)


def original(name):
    layers = dezero.layers
    if name == "vgg16":
        dezero.models.L = layers
        return dezero.models.VGG16()
    dezero.models.L = types.SimpleNamespace(Conv2d=Conv2d, BatchNorm=layers.BatchNorm, Linear=layers.Linear)
    return dezero.models.ResNet50()


def logits(model, x):
    with dezero.no_grad(), dezero.test_mode():
        return model(x).data


def prepare(name, golden):
    """The original with the weights by the formula, and the input."""
    random = np.random.RandomState(int(golden[f"{name}/seed"]))
    model = original(name)
    places = {}
    model._flatten_params(places)
    shapes = {}
    for line in (FOLDER / f"{name}.keys.txt").read_text().splitlines():
        key, *shape = line.split()
        shapes[key] = tuple(map(int, shape))
        places[key].data = draw(key, shapes[key], random).numpy().astype(np.float32)
    x = random.randn(*golden[f"{name}/x_shape"]).astype(np.float32)
    return model, shapes, x


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=pathlib.Path)
    parser.add_argument("--check", type=pathlib.Path)
    arguments = parser.parse_args()
    golden = np.load(FOLDER / "models.npz")
    c = Cases("dezero_models", seed=0)
    for name in ("vgg16", "resnet50"):
        model, shapes, x = prepare(name, golden)
        y = logits(model, x)
        if arguments.check:
            fresh = original(name)
            fresh.load_weights(arguments.check / "ours" / f"{name}.npz")
            assert np.array_equal(logits(fresh, x), y), name
            print(f"{name}: our file gives the original its logits, bit for bit")
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = arguments.files or pathlib.Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            model.save_weights(folder / f"{name}.npz")
            with np.load(folder / f"{name}.npz") as file:
                assert {key: file[key].shape for key in file} == shapes, name
            np.savez(folder / f"{name}_logits.npz", x=x, logits=y)
        c.store(f"{name}/logits", y)
    if not arguments.check:
        c.write()


main()
