"""Datasets and downloads: what is cached is used, what is damaged is told, nothing half-written stays."""

import gzip
import http.server
import io
import os
import pickle
import tarfile
import threading

import numpy as np
import pytest

from dezero import datasets, transforms, utils


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty folder in place of ~/.dezero."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(utils, "cache_dir", str(folder))
    monkeypatch.setattr(datasets, "cache_dir", str(folder))
    return folder


@pytest.fixture
def no_network(monkeypatch):
    import urllib.request

    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"0123456789" * 20000
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unknown-length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/cut" else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_download_is_kept(cache, server, capsys):
    path = utils.get_file(server + "/file.bin")
    assert path == str(cache / "file.bin") and os.path.getsize(path) == 200000
    assert "Downloading: file.bin" in capsys.readouterr().out
    (cache / "file.bin").write_bytes(b"mine")
    assert open(utils.get_file(server + "/file.bin"), "rb").read() == b"mine"
    assert os.path.getsize(utils.get_file(server + "/unknown-length", "other.bin")) == 200000
    assert sorted(os.listdir(cache)) == ["file.bin", "other.bin"]


@pytest.mark.parametrize("path", ["/cut", "/missing"])
def test_a_failed_download_leaves_nothing(cache, server, path):
    with pytest.raises(OSError, match="name.bin could not be downloaded"):
        utils.get_file(server + path, "name.bin")
    assert os.listdir(cache) == []


def test_an_interrupted_download_leaves_nothing(cache, server, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(utils, "show_progress", interrupt)
    with pytest.raises(KeyboardInterrupt):
        utils.get_file(server + "/file.bin")
    assert os.listdir(cache) == []


def test_progress(capsys):
    utils.show_progress(5, 10, 200)
    assert capsys.readouterr().out == "\r[#######.......................] 25.00%"
    utils.show_progress(50, 10, 200)
    assert capsys.readouterr().out == "\r[" + "#" * 30 + "] 100.00%"
    utils.show_progress(5, 10, -1)
    assert "50 bytes" in capsys.readouterr().out


def idx(array, magic=None):
    shape = array.shape
    header = np.array([magic or 0x800 + len(shape), *shape], dtype=">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


IMAGES = np.arange(5 * 28 * 28).reshape(5, 28, 28) % 251
LABELS = np.array([3, 1, 4, 1, 5])


def put_mnist(cache, images=None, labels=None, part="train"):
    cache.mkdir(exist_ok=True)
    (cache / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES)) if images is None else images)
    (cache / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS)) if labels is None else labels)


def test_mnist_from_the_cache(cache, no_network):
    put_mnist(cache)
    put_mnist(cache, part="t10k")
    for train in (True, False):
        digits = datasets.MNIST(train)
        assert len(digits) == 5 and digits.data.shape == (5, 1, 28, 28) and digits.data.dtype == np.uint8
        x, t = digits[2]
        assert x.shape == (784,) and x.dtype == np.float32 and t == 4
        np.testing.assert_allclose(x, IMAGES[2].ravel() / np.float32(255), rtol=1e-6)
    assert datasets.MNIST(transform=None)[0][0].shape == (1, 28, 28)


@pytest.mark.parametrize(
    "images",
    [
        b"",
        b"not gzip",
        gzip.compress(b""),
        gzip.compress(idx(IMAGES))[:100],
        gzip.compress(idx(IMAGES))[:-9],
        gzip.compress(idx(IMAGES)[:-1]),
        gzip.compress(idx(IMAGES) + b"x"),
        gzip.compress(idx(IMAGES, magic=0x801)),
        gzip.compress(idx(IMAGES[:, :27])),
        gzip.compress(np.array([0x803, 0xFFFFFFFF, 28, 28], ">u4").tobytes()),
        gzip.compress(idx(IMAGES[:4])),
        gzip.compress(idx(IMAGES))[:100] + b"\xff" * 50 + gzip.compress(idx(IMAGES))[150:],
    ],
    ids=range(12),
)
def test_damaged_mnist(cache, no_network, images):
    put_mnist(cache, images)
    with pytest.raises(ValueError, match="idx3|MNIST"):
        datasets.MNIST()


def test_mnist_cut_at_every_length(cache, no_network):
    content = gzip.compress(idx(LABELS))
    for length in range(len(content)):
        put_mnist(cache, labels=content[:length])
        with pytest.raises(ValueError, match="labels-idx1"):
            datasets.MNIST()


def tar(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def cifar10():
    random = np.random.RandomState(0)
    return {
        f"cifar-10-batches-py/{name}": pickle.dumps(
            {b"data": random.randint(0, 256, (3, 3072)).astype(np.uint8), b"labels": random.randint(0, 10, 3).tolist()},
            protocol=2,
        )
        for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    }


def cifar100():
    random = np.random.RandomState(1)
    return {
        f"cifar-100-python/{name}": pickle.dumps(
            {
                b"data": random.randint(0, 256, (4, 3072)).astype(np.uint8),
                b"fine_labels": random.randint(50, 100, 4).tolist(),
                b"coarse_labels": random.randint(0, 20, 4).tolist(),
            },
            protocol=2,
        )
        for name in ("meta", "train", "test")
    }


def test_cifar10(cache, no_network):
    cache.mkdir()
    members = cifar10()
    (cache / "cifar-10-python.tar.gz").write_bytes(tar(members))
    train, test = datasets.CIFAR10(), datasets.CIFAR10(train=False)
    assert train.data.shape == (15, 3, 32, 32) and test.data.shape == (3, 3, 32, 32)
    expected = np.concatenate(
        [pickle.loads(members[f"cifar-10-batches-py/data_batch_{i}"])[b"data"] for i in range(1, 6)]
    )
    np.testing.assert_array_equal(train.data.reshape(15, -1), expected)
    x, t = train[4]
    assert x.dtype == np.float32 and t == pickle.loads(members["cifar-10-batches-py/data_batch_2"])[b"labels"][1]
    np.testing.assert_allclose(x.ravel(), (expected[4] - 0.5) / 0.5)
    assert (cache / "cifar-10-python.tar.gz.train.npz").exists()
    os.remove(cache / "cifar-10-python.tar.gz")
    np.testing.assert_array_equal(datasets.CIFAR10().data, train.data)
    assert len(datasets.CIFAR10.labels()) == 10


def test_cifar100_keeps_its_two_kinds_of_labels_apart(cache, no_network):
    cache.mkdir()
    members = cifar100()
    (cache / "cifar-100-python.tar.gz").write_bytes(tar(members))
    content = pickle.loads(members["cifar-100-python/train"])
    for _ in range(2):
        assert datasets.CIFAR100().label.tolist() == content[b"fine_labels"]
        assert datasets.CIFAR100(label_type="coarse").label.tolist() == content[b"coarse_labels"]
    assert len(datasets.CIFAR100.labels()) == 100 and len(datasets.CIFAR100.labels("coarse")) == 20
    assert datasets.CIFAR100.labels()[0] == "apple" and datasets.CIFAR100.labels()[99] == "worm"
    with pytest.raises(ValueError, match="label_type"):
        datasets.CIFAR100(label_type="middle")


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trapped",)


def test_a_pickle_cannot_call_functions(cache, no_network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache.mkdir()
    members = {**cifar10(), "cifar-10-batches-py/data_batch_1": pickle.dumps({b"data": Trap(), b"labels": [1]})}
    (cache / "cifar-10-python.tar.gz").write_bytes(tar(members))
    with pytest.raises(ValueError, match="cifar-10-python.tar.gz.*mkdir"):
        datasets.CIFAR10()
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        tar({}),
        tar(cifar10())[:1000],
        tar({"x/data_batch_1": b"no pickle"}),
        tar({"x/data_batch_1": pickle.dumps([1])}),
        tar({"x/data_batch_1": pickle.dumps({b"labels": [1]})}),
        tar({"x/data_batch_1": pickle.dumps({b"data": np.zeros((2, 5), np.uint8), b"labels": [1, 2]})}),
        tar(
            {
                f"x/data_batch_{i}": pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]})
                for i in range(1, 6)
            }
        ),
    ],
    ids=range(9),
)
def test_damaged_cifar(cache, no_network, content):
    cache.mkdir()
    (cache / "cifar-10-python.tar.gz").write_bytes(content)
    with pytest.raises(ValueError, match="cifar-10-python"):
        datasets.CIFAR10()
    assert os.listdir(cache) == ["cifar-10-python.tar.gz"]


def test_damaged_npz_cache(cache, no_network):
    cache.mkdir()
    (cache / "cifar-10-python.tar.gz.train.npz").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match="train.npz is damaged"):
        datasets.CIFAR10()


def test_kept_arrays(cache):
    assert datasets.load_cache_npz("http://x/name.bin", True) == (None, None)
    path = datasets.save_cache_npz(np.arange(3), np.ones(2), "http://x/name.bin", True)
    assert path == str(cache / "name.bin.train.npz")
    data, label = datasets.load_cache_npz("name.bin", True)
    assert data.tolist() == [0, 1, 2] and label.tolist() == [1, 1]
    assert datasets.save_cache_npz(np.arange(3), np.ones(2), "name.bin", True) is None


def test_imagenet_labels(cache, no_network):
    cache.mkdir()
    file = cache / "imagenet1000_clsidx_to_labels.txt"
    file.write_text("{0: 'tench, Tinca tinca',\n 1: 'goldfish'}")
    assert datasets.ImageNet.labels() == {0: "tench, Tinca tinca", 1: "goldfish"}
    datasets.ImageNet()
    for text in ("__import__('os').getcwd()", "{0: ", "[1]", "(" * 100000, ""):
        file.write_text(text)
        with pytest.raises(ValueError, match="imagenet1000"):
            datasets.ImageNet.labels()


def test_shakespear(cache, no_network):
    cache.mkdir()
    (cache / "shakespear.txt").write_text("to be é or", encoding="utf-8")
    play = datasets.Shakespear()
    assert "".join(play.id_to_char[i] for i in play.data) == "to be é o"
    assert play[0] == (0, 1) and len(play) == 9 and play.char_to_id["t"] == 0


def test_index_of_a_dataset():
    spiral = datasets.Spiral()
    with pytest.raises(TypeError):
        spiral[0:2]
    with pytest.raises(IndexError):
        spiral[300]


# --- transforms ---


@pytest.fixture
def image():
    Image = pytest.importorskip("PIL.Image")
    return Image.fromarray((np.arange(5 * 7 * 3) % 256).astype(np.uint8).reshape(5, 7, 3))


def test_of_images(image):
    array = transforms.ToArray()(image)
    assert array.shape == (3, 5, 7) and array.dtype == np.float32
    assert transforms.ToArray()(array) is array
    np.testing.assert_array_equal(transforms.ToArray()(transforms.Convert("BGR")(image)), array[::-1])
    assert transforms.ToArray()(transforms.Convert("L")(image)).shape == (1, 5, 7)
    assert transforms.Resize((4, 2))(image).size == (4, 2)
    assert transforms.Resize(6)(image).size == (6, 6)
    np.testing.assert_array_equal(transforms.ToArray()(transforms.CenterCrop((3, 2))(image)), array[:, 1:3, 2:5])
    assert transforms.CenterCrop(4)(image).size == (4, 4)
    np.testing.assert_array_equal(transforms.ToArray(np.uint8)(transforms.ToPIL()(array.astype(np.uint8))), array)
    assert transforms.ToPIL()(array[:1].astype(np.uint8)).mode == "L"
    with pytest.raises(TypeError, match="ToArray"):
        transforms.ToArray()("x")


def test_flip(image):
    array = transforms.ToArray()(image)
    flip = transforms.RandomHorizontalFlip()
    np.random.seed(0)  # draws 0.55, 0.72, 0.60, 0.54, 0.42
    results = [flip(array) for _ in range(5)]
    assert [np.array_equal(r, array) for r in results] == [True, True, True, True, False]
    np.testing.assert_array_equal(results[4], array[:, :, ::-1])
    np.random.seed(4)  # draws 0.97, 0.55, 0.97, 0.71, 0.70, 0.22
    flipped = [transforms.ToArray()(flip(image)) for _ in range(6)][5]
    np.testing.assert_array_equal(flipped, array[:, :, ::-1])


def test_of_arrays():
    a = np.arange(12).reshape(3, 2, 2).astype(np.float32)
    normalize = transforms.Normalize((1.0, 2.0, 3.0), [2.0, 4.0, 8.0])
    np.testing.assert_allclose(
        normalize(a), (a - np.array([1, 2, 3]).reshape(3, 1, 1)) / np.array([2, 4, 8]).reshape(3, 1, 1)
    )
    assert normalize(a).dtype == np.float32
    np.testing.assert_allclose(transforms.Normalize([0.5], [2])(a), (a - 0.5) / 2)
    np.testing.assert_allclose(transforms.Normalize([0.5] * 3, 1)(a.astype(np.uint8)), a - 0.5)
    assert transforms.Flatten()(a).shape == (12,)
    assert transforms.ToInt()(a).dtype == np.int64 and transforms.ToFloat()(a.astype(int)).dtype == np.float32
    assert transforms.ToFloat is transforms.AsType and transforms.AsType(np.float64)(a).dtype == np.float64
    assert transforms.Compose()(a) is a and transforms.Compose(None)(a) is a
    assert transforms.Compose([transforms.Flatten(), lambda x: x + 1])(a)[0] == 1
