"""Golden numbers of convolutions, pooling and resampling, by PyTorch in float64.

Layouts: x (N, C, H, W); conv2d's W (out, in / groups, KH, KW); conv_transpose2d's W (in, out / groups, KH, KW), as
DeZero's deconv2d. Pairs are (height, width).
"""

import numpy as np
import torch
import torch.nn.functional as F

from cases import Cases

c = Cases("convolution", seed=15, by_cotangent=True)


def conv2d(name, x, W, b=True, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    f = lambda x, W, b=None: F.conv2d(x, W, b, stride, padding, dilation, groups)
    inputs = {"x": c.draw(*x), "W": c.draw(*W)} | ({"b": c.draw(W[0])} if b else {})
    c.case(name, f, settings=settings, **inputs)


conv2d("conv2d", (2, 2, 4, 5), (3, 2, 2, 3))
conv2d("conv2d_stride_padding", (1, 2, 5, 4), (2, 2, 3, 2), stride=(2, 1), padding=(1, 2))
conv2d("conv2d_no_bias_1x1", (2, 3, 2, 3), (2, 3, 1, 1), b=False, stride=(2, 2))
conv2d("conv2d_dilation", (1, 2, 6, 5), (2, 2, 3, 2), padding=(1, 1), dilation=(2, 3))
conv2d("conv2d_groups", (1, 4, 3, 4), (6, 2, 2, 2), padding=(1, 0), groups=2)
conv2d("conv2d_depthwise", (1, 3, 4, 3), (6, 1, 3, 2), stride=(2, 1), padding=(1, 1), groups=3)
# The last row and column of the input are never reached: their gradient is zero.
conv2d("conv2d_remainder", (1, 1, 6, 5), (1, 1, 3, 2), stride=(2, 2))
conv2d("conv2d_all", (2, 4, 5, 6), (2, 2, 2, 3), stride=(2, 3), padding=(2, 1), dilation=(3, 2), groups=2)


def conv_transpose2d(name, x, W, b=True, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1), groups=1):
    settings = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation, "groups": groups}
    f = lambda x, W, b=None: F.conv_transpose2d(x, W, b, stride, padding, output_padding, groups, dilation)
    inputs = {"x": c.draw(*x), "W": c.draw(*W)} | ({"b": c.draw(W[1] * groups)} if b else {})
    # DeZero's `outsize` is the height and width of y, (in - 1) stride - 2 padding + dilation (k - 1) + 1 +
    # output_padding: the same thing said otherwise.
    y = f(*(torch.tensor(v) for v in inputs.values()))
    c.case(name, f, settings=settings | {"outsize": y.shape[2:]}, **inputs)


conv_transpose2d("conv_transpose2d", (2, 2, 2, 3), (2, 3, 3, 2))
conv_transpose2d("conv_transpose2d_stride_padding", (1, 2, 3, 2), (2, 2, 3, 4), stride=(2, 3), padding=(1, 2))
conv_transpose2d("conv_transpose2d_output_padding", (1, 2, 2, 3), (2, 1, 3, 3), b=False, stride=(2, 3), padding=(1, 0), output_padding=(1, 2))
conv_transpose2d("conv_transpose2d_groups_dilation", (1, 4, 2, 3), (4, 1, 2, 3), stride=(1, 2), padding=(1, 1), dilation=(2, 1), groups=2)


def conv1d(name, x, W, b=True, stride=1, padding=0, dilation=1, groups=1):
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    f = lambda x, W, b=None: F.conv1d(x, W, b, stride, padding, dilation, groups)
    inputs = {"x": c.draw(*x), "W": c.draw(*W)} | ({"b": c.draw(W[0])} if b else {})
    c.case(name, f, settings=settings, **inputs)


conv1d("conv1d", (2, 2, 6), (3, 2, 3))
conv1d("conv1d_all", (1, 4, 9), (2, 2, 3), stride=2, padding=2, dilation=2, groups=2)

# Pooling. PyTorch's floor in the output size, as DeZero's; Chainer covers all (`ceil_mode`).
for name, shape, kernel, stride, padding in (
    ("", (2, 2, 4, 6), (2, 2), (2, 2), (0, 0)),
    ("_overlap", (1, 2, 6, 5), (3, 2), (2, 1), (0, 0)),
    ("_padding", (1, 2, 5, 6), (3, 4), (2, 3), (1, 2)),
):
    settings = {"kernel_size": kernel, "stride": stride, "padding": padding}
    # Squared, so that there is a second derivative.
    c.case(f"max_pool2d{name}", lambda x: F.max_pool2d(x**2, kernel, stride, padding), settings=settings, x=c.distinct(*shape))
    c.case(f"avg_pool2d{name}", lambda x: F.avg_pool2d(x**2, kernel, stride, padding), settings=settings, x=c.draw(*shape))
# Padding counts in the mean above, as in DeZero; here it does not.
c.case(
    "avg_pool2d_exclude_pad",
    lambda x: F.avg_pool2d(x, (3, 4), (2, 3), (1, 2), count_include_pad=False),
    order=1,
    settings={"kernel_size": (3, 4), "stride": (2, 3), "padding": (1, 2)},
    x=c.draw(1, 2, 5, 6),
)
# Every padded value loses to any real one, however negative.
c.case("max_pool2d_negative", lambda x: F.max_pool2d(x, 3, 2, 1), order=1, settings={"kernel_size": (3, 3), "stride": (2, 2), "padding": (1, 1)}, x=-5.0 - c.distinct(1, 1, 4, 5))
for size in ((1, 1), (3, 2), (7, 6)):
    c.case(f"adaptive_avg_pool2d_{size[0]}x{size[1]}", lambda x: F.adaptive_avg_pool2d(x**2, size), order=1 if size == (7, 6) else 2, settings={"output_size": size}, x=c.draw(1, 2, 5, 4))

# Resampling.
for h, w in ((5, 9), (1, 2)):
    x = c.draw(1, 2, 2, 3)
    size = {"output_size": (h, w)}
    c.case(f"upsample_nearest_{h}x{w}", lambda x: F.interpolate(x, (h, w)), order=1, settings=size, x=x)
    c.case(f"upsample_bilinear_{h}x{w}", lambda x: F.interpolate(x, (h, w), mode="bilinear", align_corners=False), order=1, settings=size, x=x)
    c.case(f"upsample_bilinear_corners_{h}x{w}", lambda x: F.interpolate(x, (h, w), mode="bilinear", align_corners=True), order=1, settings=size, x=x)

# im2col: (N, C, KH, KW, OH, OW), DeZero's order with to_matrix=False; PyTorch's unfold merges C KH KW and OH OW.
c.case(
    "im2col",
    lambda x: F.unfold(x, (3, 2), 1, (1, 0), (2, 1)).reshape(1, 2, 3, 2, 3, 4),
    order=1,
    settings={"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)},
    x=c.draw(1, 2, 5, 5),
)

c.write()
