"""Patches of images as rows of a matrix, and back."""
import numpy as np
import dezero.functions as F
from dezero import Variable

np.random.seed(0)
x1 = np.random.rand(1, 3, 7, 7)
col1 = F.im2col(x1, kernel_size=5, stride=1, pad=0, to_matrix=True)
print(col1.shape)
x2 = np.random.rand(10, 3, 7, 7)
col2 = F.im2col(x2, kernel_size=(5, 5), stride=(1, 1), pad=(0, 0), to_matrix=True)
print(col2.shape)
print(F.im2col(x2, 3, 2, 1, to_matrix=False).shape)

x = Variable(np.arange(32.0).reshape(1, 2, 4, 4))
y = F.im2col(x, (2, 3), stride=(2, 1), pad=(0, 1))
print(y)
(y * y).backward()
print(x.grad)
back = F.col2im(y, (1, 2, 4, 4), (2, 3), (2, 1), (0, 1))
print(back)
col = Variable(np.random.rand(1, 2, 2, 2, 3, 3))
img = F.col2im(col, (1, 2, 4, 4), 2, 1, 0, to_matrix=False)
(img ** 2).backward()
print(img.shape, img.data[0, 0], col.grad.shape, col.grad.data.ravel()[:5])
