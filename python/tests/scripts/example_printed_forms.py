"""How variables are printed, and small things about them."""
import numpy as np
import dezero
from dezero import Parameter, Variable

for data in (np.array(1.0), np.array(3), np.array([1, 2, 3]), np.array([[1, 2, 3], [4, 5, 6]]), np.zeros((2, 2, 2)),
             np.arange(2000.0), np.array([1e-10, 1e10]), np.array([True, False]), np.array([], dtype=np.float32),
             np.linspace(0, 1, 7, dtype=np.float32), np.array([np.nan, np.inf]), np.arange(1200).reshape(30, 40)):
    x = Variable(data)
    print(x)
    print(repr(x), x.shape, x.ndim, x.size, x.dtype)
print(Variable(None), Parameter(np.ones(2)), Parameter(None))
x = Variable(np.ones((3, 2)), 'name')
print(x.name, x.grad, x.creator, x.generation, len(x))
x.name = 'other'
print(x.name)
for wrong in (1.0, [1, 2], 'x', (1,), np.float64(3)):
    try:
        Variable(wrong)
    except TypeError as error:
        print(error)
try:
    x + [1, 2]
except TypeError:
    print('a list is no operand')

x = Variable(np.array([1.0, 2.0, 3.0]))
x.data[...] = 5.0
print(x)
x.data[1] = -1
print(x, x * 2)
x.data *= 2
print(x)
x.data = np.array([[1.0]])
print(x, x.shape)
a = np.array([1.0, 2.0])
x = Variable(a)
x.data += 1
print(x)
x.grad = Variable(np.array([1.0, 1.0]))
x.grad.data += 2
print(x.grad)
print(np.array(2.0) * x, np.array([2.0, 3.0]) + x, 1.0 - x, np.array([1.0, 2.0]) / x, np.float32(2) * x, x * np.float64(0.5))
print((x * 2).dtype, (Variable(np.ones(2, np.float32)) * 2).dtype, (Variable(np.ones(2, np.float32)) + 1.5).dtype)
print((Variable(np.ones(2, int)) * 2).dtype, (Variable(np.ones(2, int)) / 2).dtype, Variable(np.array([1, 2])) ** 2)
print([v for v in x], x == x, x != a, hash(x) == hash(x), x in [x])
print(dezero.as_array(2.0), dezero.as_variable(a), dezero.as_variable(x) is x, type(dezero.as_array(1)).__name__)
print(x.max(), x.min(), Variable(np.array([[1.0, 5.0], [7.0, 2.0]])).max(axis=1), Variable(np.arange(6).reshape(2, 3)).min(0))
