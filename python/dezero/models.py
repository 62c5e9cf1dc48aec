"""Whole networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import dezero.functions as F
import dezero.layers as L
from dezero import utils
from dezero.core import Variable
from dezero.layers import Layer

__all__ = [
    "BottleneckA",
    "BottleneckB",
    "BuildingBlock",
    "MLP",
    "Model",
    "ResNet",
    "ResNet101",
    "ResNet152",
    "ResNet50",
    "Sequential",
    "SqueezeNet",
    "VGG16",
]

_RELEASE = "https://github.com/koki0702/dezero-models/releases/download/v0.1/"


class Model(Layer):
    """A layer that can be drawn."""

    def plot(self, *inputs: Any, to_file: str = "model.png") -> Any:
        """Draws the graph of the model's result for `inputs` to a picture."""
        y = self.forward(*inputs)
        return utils.plot_dot_graph(y, verbose=True, to_file=to_file)


class Sequential(Model):
    """Layers one after the other."""

    def __init__(self, *layers: Any) -> None:
        super().__init__()
        self.layers = []
        for i, layer in enumerate(layers):
            setattr(self, f"l{i}", layer)
            self.layers.append(layer)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


class MLP(Model):
    """Fully connected layers with an activation between them.

    Args:
        fc_output_sizes: number of outputs of each layer.
        activation: a function.
    """

    def __init__(self, fc_output_sizes: Sequence[int], activation: Callable[[Any], Variable] = F.sigmoid) -> None:
        super().__init__()
        self.activation = activation
        self.layers = []
        for i, size in enumerate(fc_output_sizes):
            layer = L.Linear(size)
            setattr(self, f"l{i}", layer)
            self.layers.append(layer)

    def forward(self, x: Variable | np.ndarray) -> Variable:
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)


class VGG16(Model):
    """The network of sixteen layers by the Visual Geometry Group, for images (N, 3, 224, 224)."""

    WEIGHTS_PATH = _RELEASE + "vgg16.npz"

    #: Channels of the convolutions between two poolings.
    _STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__()
        for i, channels in enumerate(self._STAGES, 1):
            for j, out_channels in enumerate(channels, 1):
                setattr(self, f"conv{i}_{j}", L.Conv2d(out_channels, kernel_size=3, stride=1, pad=1))
        self.fc6 = L.Linear(4096)
        self.fc7 = L.Linear(4096)
        self.fc8 = L.Linear(1000)
        if pretrained:
            self.load_weights(utils.get_file(self.WEIGHTS_PATH))

    def forward(self, x: Variable | np.ndarray) -> Variable:
        for i, channels in enumerate(self._STAGES, 1):
            for j in range(1, len(channels) + 1):
                x = F.relu(getattr(self, f"conv{i}_{j}")(x))
            x = F.pooling(x, 2, 2)
        x = F.reshape(x, (x.shape[0], -1))
        x = F.dropout(F.relu(self.fc6(x)))
        x = F.dropout(F.relu(self.fc7(x)))
        return self.fc8(x)

    @staticmethod
    def preprocess(image: Any, size: tuple[int, int] | None = (224, 224), dtype: Any = np.float32) -> np.ndarray:
        """An image of Pillow as an array (3, H, W) in blue, green, red, with the mean colour taken off."""
        image = image.convert("RGB")
        if size:
            image = image.resize(size)
        blue_green_red = np.asarray(image, dtype=dtype)[:, :, ::-1]
        mean = np.array([103.939, 116.779, 123.68], dtype=dtype)
        return (blue_green_red - mean).transpose((2, 0, 1))


class ResNet(Model):
    """Residual networks of 50, 101 or 152 layers, with the strides of the first paper."""

    WEIGHTS_PATH = _RELEASE + "resnet{}.npz"

    _BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}

    def __init__(self, n_layers: int = 152, pretrained: bool = False) -> None:
        super().__init__()
        if n_layers not in self._BLOCKS:
            raise ValueError(f"ResNet has 50, 101 or 152 layers, got {n_layers}")
        blocks = self._BLOCKS[n_layers]
        self.conv1 = L.Conv2d(64, 7, 2, 3)
        self.bn1 = L.BatchNorm()
        self.res2 = BuildingBlock(blocks[0], 64, 64, 256, 1)
        self.res3 = BuildingBlock(blocks[1], 256, 128, 512, 2)
        self.res4 = BuildingBlock(blocks[2], 512, 256, 1024, 2)
        self.res5 = BuildingBlock(blocks[3], 1024, 512, 2048, 2)
        self.fc6 = L.Linear(1000)
        if pretrained:
            self.load_weights(utils.get_file(self.WEIGHTS_PATH.format(n_layers)))

    def forward(self, x: Variable | np.ndarray) -> Variable:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.pooling(x, kernel_size=3, stride=2)
        for block in (self.res2, self.res3, self.res4, self.res5):
            x = block(x)
        return self.fc6(_global_average_pooling_2d(x))


class ResNet152(ResNet):
    """`ResNet` of 152 layers."""

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__(152, pretrained)


class ResNet101(ResNet):
    """`ResNet` of 101 layers."""

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__(101, pretrained)


class ResNet50(ResNet):
    """`ResNet` of 50 layers."""

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__(50, pretrained)


def _global_average_pooling_2d(x: Variable | np.ndarray) -> Variable:
    N, C, H, W = x.shape
    return F.reshape(F.average_pooling(x, (H, W), stride=1), (N, C))


class BuildingBlock(Layer):
    """Bottlenecks of one resolution, of which the first reduces it."""

    def __init__(
        self,
        n_layers=None,
        in_channels=None,
        mid_channels=None,
        out_channels=None,
        stride=None,
        downsample_fb=None,
    ):
        super().__init__()
        self.a = BottleneckA(in_channels, mid_channels, out_channels, stride, downsample_fb)
        self._forward = ["a"]
        for i in range(1, n_layers):
            setattr(self, f"b{i}", BottleneckB(out_channels, mid_channels))
            self._forward.append(f"b{i}")

    def forward(self, x: Any) -> Any:
        for name in self._forward:
            x = getattr(self, name)(x)
        return x


class BottleneckA(Layer):
    """A bottleneck that reduces the resolution.

    Args:
        in_channels, mid_channels, out_channels: number of channels before, inside and after.
        stride: the reduction.
        downsample_fb: reduce in the convolution of 3x3 rather than in the first one of 1x1.
    """

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        stride: int = 2,
        downsample_fb: bool | None = False,
    ) -> None:
        super().__init__()
        first, second = (1, stride) if downsample_fb else (stride, 1)
        self.conv1 = L.Conv2d(mid_channels, 1, first, 0, nobias=True)
        self.bn1 = L.BatchNorm()
        self.conv2 = L.Conv2d(mid_channels, 3, second, 1, nobias=True)
        self.bn2 = L.BatchNorm()
        self.conv3 = L.Conv2d(out_channels, 1, 1, 0, nobias=True)
        self.bn3 = L.BatchNorm()
        self.conv4 = L.Conv2d(out_channels, 1, stride, 0, nobias=True)
        self.bn4 = L.BatchNorm()

    def forward(self, x: Variable | np.ndarray) -> Variable:
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        h = self.bn3(self.conv3(h))
        return F.relu(h + self.bn4(self.conv4(x)))


class BottleneckB(Layer):
    """A bottleneck that keeps the resolution.

    Args:
        in_channels, mid_channels: number of channels around and inside.
    """

    def __init__(self, in_channels: int, mid_channels: int) -> None:
        super().__init__()
        self.conv1 = L.Conv2d(mid_channels, 1, 1, 0, nobias=True)
        self.bn1 = L.BatchNorm()
        self.conv2 = L.Conv2d(mid_channels, 3, 1, 1, nobias=True)
        self.bn2 = L.BatchNorm()
        self.conv3 = L.Conv2d(in_channels, 1, 1, 0, nobias=True)
        self.bn3 = L.BatchNorm()

    def forward(self, x: Variable | np.ndarray) -> Variable:
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        return F.relu(self.bn3(self.conv3(h)) + x)


class SqueezeNet(Model):
    """A name without a network, as in the original."""

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__()

    def forward(self, x: Any) -> None:
        """The original computes nothing here."""
