"""Datasets: toy data, digits and photographs, sequences.

What is downloaded is kept in ``dezero.utils.cache_dir``; a file that is there already is used without the network.
A file that is cut short or is something else raises ``ValueError`` with its path. Pickled files are read by a reader
that makes arrays and nothing else.
"""

from __future__ import annotations

import os
import pickle
from typing import Any, Callable

import numpy as np

from dezero.transforms import Compose, Flatten, Normalize, ToFloat
from dezero.utils import _replacing, cache_dir, get_file

Transform = Callable[[Any], Any]


class Dataset:
    """Examples ``(x, t)`` behind an index and a length.

    A subclass sets ``self.data`` and ``self.label`` (or leaves it ``None``) in ``prepare``; one whose data does not
    fit into memory overrides ``__getitem__`` and ``__len__`` instead.
    """

    def __init__(
        self, train: bool = True, transform: Transform | None = None, target_transform: Transform | None = None
    ):
        self.train = train
        self.transform = transform if transform is not None else _unchanged
        self.target_transform = target_transform if target_transform is not None else _unchanged
        self.data: Any = None
        self.label: Any = None
        self.prepare()

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        if not np.isscalar(index):
            raise TypeError(f"a dataset takes one index at a time, got {type(index)}")
        x = self.transform(self.data[index])
        return x, None if self.label is None else self.target_transform(self.label[index])

    def __len__(self) -> int:
        return len(self.data)

    def prepare(self) -> None:
        """Called at the end of construction: the place to set ``data`` and ``label``."""


def _unchanged(x: Any) -> Any:
    return x


# --- toy data ---


def get_spiral(train: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Three arms of a spiral, 100 points each, in random order: ``x`` float32 (300, 2), ``t`` int64 (300,).

    Seeds NumPy's global generator: with 1984, or 2020 for the test data.
    """
    np.random.seed(1984 if train else 2020)
    points, classes = 100, 3
    t = np.repeat(np.arange(classes), points)
    radius = np.tile(np.arange(points) / points, classes)
    theta = t * 4.0 + 4.0 * radius + np.random.randn(points * classes) * 0.2
    x = np.stack([radius * np.sin(theta), radius * np.cos(theta)], axis=1).astype(np.float32)
    order = np.random.permutation(points * classes)
    return x[order], t[order]


class Spiral(Dataset):
    """The points of :func:`get_spiral`."""

    def prepare(self) -> None:
        self.data, self.label = get_spiral(self.train)


# --- MNIST ---


class MNIST(Dataset):
    """Handwritten digits: 60,000 (10,000 for testing) grey images 28x28 and their classes 0 to 9.

    ``data`` is uint8 (N, 1, 28, 28); the default transform makes each a float32 vector of 784 between 0 and 1.
    """

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = Compose([Flatten(), ToFloat(), Normalize(0.0, 255.0)]),
        target_transform: Transform | None = None,
    ):
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        # A mirror: the authors' own server no longer hands the files out.
        url = "https://ossci-datasets.s3.amazonaws.com/mnist/"
        part = "train" if self.train else "t10k"
        self.data = self._load_data(get_file(f"{url}{part}-images-idx3-ubyte.gz"))
        self.label = self._load_label(get_file(f"{url}{part}-labels-idx1-ubyte.gz"))
        if len(self.data) != len(self.label):
            raise ValueError(f"MNIST in {cache_dir}: {len(self.data)} images but {len(self.label)} labels")

    def _load_label(self, filepath: str) -> np.ndarray:
        return _load_idx(filepath, ())

    def _load_data(self, filepath: str) -> np.ndarray:
        return _load_idx(filepath, (28, 28)).reshape(-1, 1, 28, 28)

    def show(self, row: int = 10, col: int = 10) -> None:
        """Shows ``row`` x ``col`` images drawn at random. Needs Matplotlib."""
        picture = _mosaic(self.data, row, col)
        _show(picture[0], cmap="gray")

    @staticmethod
    def labels() -> dict[int, str]:
        """The name of each class."""
        return {digit: str(digit) for digit in range(10)}


def _load_idx(path: str, item_shape: tuple[int, ...]) -> np.ndarray:
    """A gzipped idx file of bytes: a number for its kind, the lengths, the elements."""
    import gzip
    import zlib

    header_size = 8 + 4 * len(item_shape)
    try:
        with gzip.open(path, "rb") as file:
            header = file.read(header_size)
            magic, count, *shape = np.frombuffer(header, ">u4").tolist() if len(header) == header_size else [0, 0]
            if magic != 0x801 + len(item_shape) or tuple(shape) != item_shape or count > 1_000_000:
                raise ValueError(
                    f"{path} is not an idx file of bytes in items of shape {item_shape}; delete it to load it again"
                )
            size = count * int(np.prod(item_shape, dtype=int))
            content = file.read(size + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it to load it again") from error
    if len(content) != size:
        raise ValueError(f"{path} does not hold the {count} items that it announces; delete it to load it again")
    return np.frombuffer(content, np.uint8).reshape(-1, *item_shape)


def _mosaic(data: np.ndarray, row: int, col: int) -> np.ndarray:
    _, channels, height, width = data.shape
    picture = np.zeros((channels, height * row, width * col))
    for r in range(row):
        for c in range(col):
            image = data[np.random.randint(0, len(data) - 1)]
            picture[:, r * height : (r + 1) * height, c * width : (c + 1) * width] = image
    return picture


def _show(picture: np.ndarray, **kwargs: Any) -> None:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("show draws with Matplotlib: install it (pip install matplotlib)") from error
    plt.imshow(picture, interpolation="nearest", **kwargs)
    plt.axis("off")
    plt.show()


# --- CIFAR ---


class CIFAR10(Dataset):
    """Photographs: 50,000 (10,000 for testing) colour images 32x32 of ten kinds of things.

    ``data`` is (N, 3, 32, 32) with elements 0 to 255, float64 for training and uint8 for testing; the default
    transform makes each a float32 array, less 0.5 and divided by 0.5.
    """

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = Compose([ToFloat(), Normalize(mean=0.5, std=0.5)]),
        target_transform: Transform | None = None,
    ):
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
        self.data, self.label = load_cache_npz(url, self.train)
        if self.data is not None:
            return
        path = get_file(url)
        if self.train:
            self.data = np.concatenate([self._load_data(path, i) for i in range(1, 6)]).astype(np.float64)
            self.label = np.concatenate([self._load_label(path, i) for i in range(1, 6)])
        else:
            self.data = self._load_data(path, 5, "test")
            self.label = self._load_label(path, 5, "test")
        self.data = self.data.reshape(-1, 3, 32, 32)
        save_cache_npz(self.data, self.label, url, self.train)

    def _load_data(self, filename: str, idx: int, data_type: str = "train") -> np.ndarray:
        return _images(filename, _member(filename, self._member_name(idx, data_type)))

    def _load_label(self, filename: str, idx: int, data_type: str = "train") -> np.ndarray:
        return _labels(filename, _member(filename, self._member_name(idx, data_type)), b"labels")

    @staticmethod
    def _member_name(idx: int, data_type: str) -> str:
        return f"data_batch_{idx}" if data_type == "train" else "test_batch"

    def show(self, row: int = 10, col: int = 10) -> None:
        """Shows ``row`` x ``col`` images drawn at random. Needs Matplotlib."""
        _show(_mosaic(self.data, row, col).transpose(1, 2, 0) / 255)

    @staticmethod
    def labels() -> dict[int, str]:
        """The name of each class."""
        names = "airplane automobile bird cat deer dog frog horse ship truck"
        return dict(enumerate(names.split()))


class CIFAR100(CIFAR10):
    """Photographs like those of :class:`CIFAR10`, of a hundred kinds of things.

    ``label_type`` is ``'fine'`` for labels of the kinds, ``'coarse'`` for those of their twenty groups.
    """

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = Compose([ToFloat(), Normalize(mean=0.5, std=0.5)]),
        target_transform: Transform | None = None,
        label_type: str = "fine",
    ):
        _check_label_type(label_type)
        self.label_type = label_type
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
        # Each kind of label has its own file beside the archive.
        cache = url if self.label_type == "fine" else url + ".coarse"
        self.data, self.label = load_cache_npz(cache, self.train)
        if self.data is not None:
            return
        path = get_file(url)
        data_type = "train" if self.train else "test"
        self.data = self._load_data(path, data_type).reshape(-1, 3, 32, 32)
        self.label = self._load_label(path, data_type)
        save_cache_npz(self.data, self.label, cache, self.train)

    def _load_data(self, filename: str, data_type: str = "train") -> np.ndarray:  # type: ignore[override]
        return _images(filename, _member(filename, data_type))

    def _load_label(self, filename: str, data_type: str = "train") -> np.ndarray:  # type: ignore[override]
        return _labels(filename, _member(filename, data_type), f"{self.label_type}_labels".encode())

    @staticmethod
    def labels(label_type: str = "fine") -> dict[int, str]:  # type: ignore[override]
        """The name of each class, or of each group of classes."""
        _check_label_type(label_type)
        names = _CIFAR100_FINE if label_type == "fine" else _CIFAR100_COARSE
        return dict(enumerate(name.strip() for name in names.split(",")))


def _check_label_type(label_type: str) -> None:
    if label_type not in ("fine", "coarse"):
        raise ValueError(f"label_type is 'fine' or 'coarse', got {label_type!r}")


_CIFAR100_COARSE = """aquatic mammals, fish, flowers, food containers, fruit and vegetables,
    household electrical devices,
    household furniture, insects, large carnivores, large man-made outdoor things, large natural outdoor scenes,
    large omnivores and herbivores, medium-sized mammals, non-insect invertebrates, people, reptiles, small mammals,
    trees, vehicles 1, vehicles 2"""

_CIFAR100_FINE = """apple, aquarium fish, baby, bear, beaver, bed, bee, beetle, bicycle, bottle, bowl, boy, bridge, bus,
    butterfly, camel, can, castle, caterpillar, cattle, chair, chimpanzee, clock, cloud, cockroach, couch, crab,
    crocodile, cup, dinosaur, dolphin, elephant, flatfish, forest, fox, girl, hamster, house, kangaroo, keyboard, lamp,
    lawn mower, leopard, lion, lizard, lobster, man, maple tree, motorcycle, mountain, mouse, mushroom, oak tree,
    orange, orchid, otter, palm tree, pear, pickup truck, pine tree, plain, plate, poppy, porcupine, possum, rabbit,
    raccoon, ray, road, rocket, rose, sea, seal, shark, shrew, skunk, skyscraper, snail, snake, spider, squirrel,
    streetcar, sunflower, sweet pepper, table, tank, telephone, television, tiger, tractor, train, trout, tulip,
    turtle, wardrobe, whale, willow tree, wolf, woman, worm"""


class _ArrayUnpickler(pickle.Unpickler):
    """Reads pickles of plain values and arrays. A pickle may ask for any function to be called; this calls no other."""

    _allowed = {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self._allowed:
            return super().find_class(module, name)
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np.ndarray.__reduce__(np.empty(0))[0]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _member(path: str, name: str) -> dict[Any, Any]:
    """The pickled dictionary in the file ``name`` of the archive at ``path``, whatever its folder there."""
    import tarfile

    try:
        with tarfile.open(path, "r:gz") as archive:
            for item in archive:
                file = archive.extractfile(item) if item.isfile() and item.name.rpartition("/")[2] == name else None
                if file is not None:
                    content = _ArrayUnpickler(file, encoding="bytes").load()
                    if isinstance(content, dict):
                        return content
                    raise ValueError("not a dictionary")
    except Exception as error:  # a pickle that was tampered with can fail in any way
        if isinstance(error, (FileNotFoundError, PermissionError)):
            raise
        raise ValueError(f"{path}: {name} cannot be read ({error}); delete the file to load it again") from error
    raise ValueError(f"{path} has no file {name}; delete it to load it again")


def _images(path: str, content: dict[Any, Any]) -> np.ndarray:
    data = content.get(b"data")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (3072,):
        raise ValueError(f"{path} does not hold rows of 3072 bytes; delete it to load it again")
    return data


def _labels(path: str, content: dict[Any, Any], key: bytes) -> np.ndarray:
    labels = content.get(key)
    if not isinstance(labels, list) or len(labels) != len(content[b"data"]):
        raise ValueError(f"{path} does not hold one of {key.decode()} for each image; delete it to load it again")
    return np.array(labels)


# --- ImageNet ---


class ImageNet(Dataset):
    """The names of ImageNet's classes; its images are not loaded."""

    def __init__(self) -> None:
        pass

    @staticmethod
    def labels() -> dict[int, str]:
        """The name of each of the 1,000 classes."""
        import ast

        path = get_file(
            "https://gist.githubusercontent.com/yrevar/942d3a0ac09ec9e5eb3a/raw/"
            "238f720ff059c1f82f368259d1ca4ffa5dd8f9f5/imagenet1000_clsidx_to_labels.txt"
        )
        with open(path, encoding="utf-8") as file:
            text = file.read(1 << 20)
        try:
            labels = ast.literal_eval(text)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            labels = None
        if not isinstance(labels, dict):
            raise ValueError(f"{path} is not a dictionary of labels; delete it to load it again")
        return labels


# --- sequences ---


class SinCurve(Dataset):
    """A wave to predict: example ``i`` is the value at ``i`` and the one after it, each of shape (1,), float64.

    999 steps of one period of a sine with noise (from NumPy's global generator), or of a clean cosine for testing.
    """

    def prepare(self) -> None:
        x = np.linspace(0, 2 * np.pi, 1000)
        noise = np.random.uniform(-0.05, 0.05, size=x.shape)  # drawn for the test data too
        y = np.sin(x) + noise if self.train else np.cos(x)
        self.data = y[:-1, np.newaxis]
        self.label = y[1:, np.newaxis]


class Shakespear(Dataset):
    """Plays of Shakespeare, character by character: example ``i`` is character ``i`` and the one after it.

    Characters are numbered in order of appearance; ``char_to_id`` and ``id_to_char`` translate.
    """

    def prepare(self) -> None:
        url = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
        path = get_file(url, "shakespear.txt")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.char_to_id = {char: i for i, char in enumerate(dict.fromkeys(text))}
        self.id_to_char = {i: char for char, i in self.char_to_id.items()}
        indices = np.array([self.char_to_id[char] for char in text])
        self.data = indices[:-1]
        self.label = indices[1:]


# --- arrays kept beside the downloads ---


def _cache_path(filename: str, train: bool) -> str:
    name = filename[filename.rfind("/") + 1 :]
    return os.path.join(cache_dir, name + (".train.npz" if train else ".test.npz"))


def load_cache_npz(filename: str, train: bool = False) -> tuple[Any, Any]:
    """``(data, label)`` as :func:`save_cache_npz` kept them for ``filename`` (a name or a URL), or ``(None, None)``."""
    path = _cache_path(filename, train)
    if not os.path.exists(path):
        return None, None
    try:
        with np.load(path, allow_pickle=False) as loaded:
            return loaded["data"], loaded["label"]
    except Exception as error:
        raise ValueError(f"{path} is damaged ({error}); delete it to make it again") from error


def save_cache_npz(data: np.ndarray, label: np.ndarray, filename: str, train: bool = False) -> str | None:
    """Keeps two arrays for ``filename`` (a name or a URL) and returns the path, or ``None`` if there is one already."""
    path = _cache_path(filename, train)
    if os.path.exists(path):
        return None
    os.makedirs(cache_dir, exist_ok=True)
    print("Saving: " + os.path.basename(path))
    with _replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, data=data, label=label)
    print(" Done")
    return path
