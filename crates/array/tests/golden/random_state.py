"""Writes random_state.txt: draws of NumPy's RandomState, for tests/random_state.rs to repeat.

    python3 crates/array/tests/golden/random_state.py

Each line is one draw, "name arguments : values", made by the generator that the lines before it left.
Floats are the hexadecimal digits of their bits. A name that ends in _hash has one value, the FNV-1a hash
of the bits (of 8 bytes each, little endian) of all the draws.

(Not named random.py: beside it no script could import Python's own module, which NumPy needs.)
"""

import struct
from pathlib import Path

import numpy as np

lines = [f"# NumPy {np.__version__}"]
rng = np.random.RandomState(0)


def bits(x):
    x = np.asarray(x)
    if x.dtype == np.float32:
        return struct.pack(">f", x).hex()
    return struct.pack(">d", x).hex()


def fnv(values):
    h = 0xCBF29CE484222325
    for byte in np.ascontiguousarray(values).tobytes():
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def show(values):
    values = np.atleast_1d(values)
    if values.dtype.kind == "f":
        return " ".join(bits(v) for v in values)
    return " ".join(str(int(v)) for v in values)


def line(name, args, values):
    lines.append(f"{name} {' '.join(str(a) for a in args)} : {values}".replace("  ", " "))


def seed(*words):
    global rng
    # One word is RandomState(int); more are RandomState(list).
    rng = np.random.RandomState(words[0] if len(words) == 1 else list(words))
    line("seed", words, "")


def random_sample():
    line("random_sample", [], show(rng.random_sample()))


def rand(n):
    line("rand", [n], show(rng.rand(n)))


def rand_f32(n):
    line("rand_f32", [n], show(rng.rand(n).astype(np.float32)))


def rand_hash(n):
    line("rand_hash", [n], fnv(rng.rand(n)))


def standard_normal():
    line("standard_normal", [], show(rng.standard_normal()))


def randn(n):
    line("randn", [n], show(rng.randn(n)))


def randn_f32(n):
    line("randn_f32", [n], show(rng.randn(n).astype(np.float32)))


def randn_hash(n):
    line("randn_hash", [n], fnv(rng.randn(n)))


def uniform(low, high, n):
    line("uniform", [low, high, n], show(rng.uniform(low, high, n)))


def normal(mean, std, n):
    line("normal", [mean, std, n], show(rng.normal(mean, std, n)))


def randint(low, high, n):
    line("randint", [low, high, n], show(rng.randint(low, high, n, dtype=np.int64)))


def permutation(n):
    line("permutation", [n], show(rng.permutation(n)))


def permutation_hash(n):
    line("permutation_hash", [n], fnv(rng.permutation(n).astype(np.int64)))


def shuffle(n):
    x = list(range(100, 100 + n))  # a list: another path in NumPy than an array's
    rng.shuffle(x)
    line("shuffle", [n], show(x))


def choice(n, size, replace):
    line("choice", [n, size, str(replace).lower()], show(rng.choice(n, size, replace)))


def choice_weighted(size, *p):
    line("choice_weighted", [size, *p], show(rng.choice(len(p), size, p=p)))


def bernoulli(p, n):
    line("bernoulli", [p, n], show(rng.random_sample(n) < p))


def state():
    _, key, pos, has_gauss, gauss = rng.get_state()
    words = fnv(key.astype(np.int64))
    line("state", [], f"{words} {pos} {has_gauss} {bits(gauss)}")


I64 = 2**63
for s in [(0,), (1984,), (2020,), (42,), (1,), (2**32 - 1,), (0, 1), (2**32 - 1, 7), tuple(range(1000))]:
    seed(*s)
    state()
    rand(3)
    # A normal kept from before, past draws that do not use it.
    randn(3)
    state()
    permutation(10)
    rand(2)
    standard_normal()
    standard_normal()
    random_sample()
    state()
    # An odd number of words, so that a pair lies across two blocks further on.
    randint(0, 2**32, 1)
    rand_hash(1000)
    randn_hash(1001)
    randn_hash(2000)
    rand(0)
    randn(0)
    randn(1)
    state()
    for low, high in [
        (0, 1), (5, 6), (0, 2), (0, 10), (-3, 4), (0, 256), (0, 1000), (-(2**31), 2**31),
        (0, 2**32 - 1), (0, 2**32), (0, 2**32 + 1), (-1, 2**40), (0, 10**15), (0, I64 - 1),
        (-I64, I64 - 1), (-I64, 0), (-I64, -I64 + 1), (I64 - 3, I64 - 1),
    ]:
        randint(low, high, 5)
    uniform(-1.0, 1.0, 3)
    uniform(2.5, -0.1, 3)
    uniform(1e300, 1.5e300, 2)
    normal(10.0, 0.5, 4)
    normal(-3.3, 1e-8, 3)
    normal(1.0, 0.0, 2)
    for n in [0, 1, 2, 3, 16, 17]:
        permutation(n)
        shuffle(n)
    choice(10, 6, True)
    choice(10, 6, False)
    choice(1, 3, True)
    choice(7, 7, False)
    choice(100000, 4, False)
    choice_weighted(8, 0.1, 0.2, 0.3, 0.4)
    choice_weighted(8, 0.0, 0.5, 0.0, 0.5, 0.0)
    choice_weighted(3, 1.0)
    bernoulli(0.5, 20)
    bernoulli(0.0, 3)
    bernoulli(1.0, 3)
    rand_f32(4)
    randn_f32(5)
    state()

# What books and scripts do first.
seed(0)
rand(10)
seed(0)
randn(10)
seed(0)
permutation(100)
seed(1984)
randn(9)
permutation(30)

# Long runs, across many blocks and chunks.
seed(42)
rand_hash(20000)
randn_hash(20001)
permutation_hash(10007)
rand_hash(623)
randn_hash(511)
randn_hash(513)
state()

Path(__file__).with_suffix(".txt").write_text("\n".join(x.strip() for x in lines) + "\n")
