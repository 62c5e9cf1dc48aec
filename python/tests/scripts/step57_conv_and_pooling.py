"""Convolutions and pooling, in their simple form and their fast one."""
# tolerance: 1e-6
import numpy as np
import dezero.functions as F
import dezero.layers as L
from dezero import Variable

np.random.seed(0)
N, C, H, W = 1, 5, 15, 15
OC, (KH, KW) = 8, (3, 3)
x = Variable(np.random.randn(N, C, H, W))
W = np.random.randn(OC, C, KH, KW)
y = F.conv2d_simple(x, W, b=None, stride=1, pad=1)
y.backward()
print(y.shape, x.grad.shape, y.data[0, 0, 0], x.grad.data[0, 0, 0])

x = Variable(np.random.randn(2, 3, 7, 6))
w = Variable(np.random.randn(4, 3, 3, 2))
b = Variable(np.random.randn(4))
for stride, pad in ((1, 0), (2, 1), ((2, 1), (1, 2))):
    for p in (x, w, b):
        p.cleargrad()
    y = F.conv2d(x, w, b, stride, pad)
    F.sum(y * y).backward()
    print(y.shape, y.data[1, 2, 0], x.grad.data[1, 1, 2], w.grad.data[3, 2, 1], b.grad)
    simple = F.conv2d_simple(x, w, b, stride, pad)
    print(np.allclose(y.data, simple.data))

for function in (F.pooling, F.pooling_simple, F.average_pooling):
    x.cleargrad()
    y = function(x, 2, 2, 0)
    F.sum(y ** 2).backward()
    print(function.__name__, y.shape, y.data[0, 1], x.grad.data[0, 1])
y = F.pooling(x, (3, 2), stride=(2, 1), pad=1)
print(y.shape, y.data[0, 0])

wt = Variable(np.random.randn(3, 5, 4, 4))
x.cleargrad()
y = F.deconv2d(x, wt, stride=2, pad=1)
F.sum(y ** 2).backward()
print(y.shape, y.data[0, 0, 0], x.grad.data[0, 0, 0], wt.grad.data[0, 0, 0])
y = F.deconv2d(x, wt, b=np.ones(5), stride=2, pad=1, outsize=(14, 13))
print(y.shape, y.data[0, 0, 0])

np.random.seed(1)
conv, deconv = L.Conv2d(4, 3, pad=1), L.Deconv2d(2, 4, stride=2, pad=1, nobias=True)
z = deconv(F.relu(conv(np.random.randn(1, 3, 5, 5).astype(np.float32))))
print(z.shape, z.dtype, conv.W.shape, conv.b.shape, deconv.W.shape, deconv.b, conv.in_channels)
print(z.data[0, 0, 0])
