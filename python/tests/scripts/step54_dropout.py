"""Dropout while training, nothing of it while testing."""
import numpy as np
import dezero
from dezero import test_mode
import dezero.functions as F

np.random.seed(0)
x = np.ones(5)
print(x)
y = F.dropout(x)
print(y)
with test_mode():
    y = F.dropout(x)
    print(y)
print(dezero.Config.train)
with dezero.using_config('train', False):
    print(dezero.Config.train)

x = dezero.Variable(np.random.randn(4, 3))
for ratio in (0.0, 0.2, 0.9):
    x.cleargrad()
    y = F.dropout(x, ratio)
    y.backward()
    print(y, x.grad)
y = F.dropout(np.ones((2, 3), np.float32), dropout_ratio=0.3)
print(y, y.dtype)
