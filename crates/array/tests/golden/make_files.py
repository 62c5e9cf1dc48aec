"""Writes the .npy, .npz and .safetensors files that tests/files.rs reads, into files/.

Run with NumPy 2, safetensors and ml_dtypes:  python3 make_files.py
"""

import io
import pathlib
import zipfile

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).parent / "files"
OUT.mkdir(exist_ok=True)

# One archive of every element type, byte order and memory order. All hold the same numbers.
numbers = np.arange(6).reshape(2, 3)
arrays = {}
for kind in "i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split():
    for order_name, order in [("little", "<"), ("big", ">")]:
        typed = numbers.astype(order + kind)
        arrays[f"{order_name}/{kind}/C"] = typed
        arrays[f"{order_name}/{kind}/F"] = np.asfortranarray(typed)
arrays["b1/C"] = numbers % 2 == 1
arrays["b1/F"] = np.asfortranarray(numbers % 2 == 1)
np.savez(OUT / "types.npz", **arrays)
np.savez_compressed(OUT / "types_compressed.npz", **arrays)

# Shapes, written as we write them: compared byte for byte.
for name, array in {
    "scalar_f8": np.array(-1.5),
    "vector_f4": np.array([1.5, np.nan, -np.inf, -0.0], np.float32),
    "matrix_i8": np.array([[1, -2, 3], [4, 5, 2**62]]),
    "cube_b1": np.array([[[True], [False]], [[False], [True]]]),
    "empty_f8": np.zeros((3, 0, 2)),
    "axes_f8": np.full([1] * 18, 2.5),
    "long_f4": np.arange(1000, dtype=np.float32),
}.items():
    np.save(OUT / f"{name}.npy", array)

for version in [(2, 0), (3, 0)]:
    with open(OUT / f"version_{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, np.array([1.0, 2.0]), version=version)

# What an array of numbers cannot hold.
np.save(OUT / "complex.npy", np.array([1j]))
np.save(OUT / "text.npy", np.array(["word"]))
np.save(OUT / "fields.npy", np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]))
np.save(OUT / "objects.npy", np.array([None], dtype=object), allow_pickle=True)
np.save(OUT / "too_large_u8.npy", np.array([2**63], dtype=np.uint64))

special = np.array([1.0, -2.5, 65504.0, 6e-8, np.inf, -np.inf, np.nan, -0.0], np.float16)
np.save(OUT / "special_f2.npy", special)


class Pipe(io.RawIOBase):
    """A file that cannot seek, as a pipe: sizes and checksums then follow the data."""

    def __init__(self):
        self.bytes = b""

    def writable(self):
        return True

    def write(self, data):
        self.bytes += bytes(data)
        return len(data)


weights = {"l1/W": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), "l1/b": np.array([5, 6])}
np.savez(OUT / "weights.npz", **weights)
pipe = Pipe()
np.savez_compressed(pipe, **weights)
(OUT / "piped.npz").write_bytes(pipe.bytes)

# Pretend that everything is beyond 4 GB: 64-bit sizes and offsets throughout.
limit, zipfile.ZIP64_LIMIT = zipfile.ZIP64_LIMIT, 10
np.savez(OUT / "zip64.npz", **weights)
zipfile.ZIP64_LIMIT = limit

np.savez(OUT / "none.npz")

typed = {
    name: numbers.astype(dtype)
    for name, dtype in {
        "F64": np.float64,
        "F32": np.float32,
        "F16": np.float16,
        "BF16": ml_dtypes.bfloat16,
        "I64": np.int64,
        "I32": np.int32,
        "I16": np.int16,
        "I8": np.int8,
        "U64": np.uint64,
        "U32": np.uint32,
        "U16": np.uint16,
        "U8": np.uint8,
    }.items()
}
typed["BOOL"] = numbers % 2 == 1
typed["scalar/F32"] = np.array(2.5, np.float32)
typed["empty"] = np.zeros((0, 3), np.float32)
save_file(typed, OUT / "types.safetensors")
