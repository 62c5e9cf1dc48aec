"""Down Rosenbrock's valley by the gradient: on the full core and on the simple one."""
import numpy as np
from dezero import Variable
import dezero.core_simple

LR, ITERS = 0.001, 400


def rosenbrock(x0, x1):
    return 100 * (x1 - x0 ** 2) ** 2 + (x0 - 1) ** 2


x0, x1 = Variable(np.array(0.0)), Variable(np.array(2.0))
y = rosenbrock(x0, x1)
y.backward()
print(x0.grad, x1.grad)
for i in range(ITERS):
    if i % 100 == 0:
        print(x0, x1)
    y = rosenbrock(x0, x1)
    x0.cleargrad()
    x1.cleargrad()
    y.backward()
    x0.data -= LR * x0.grad.data
    x1.data -= LR * x1.grad.data
print(x0, x1)

dezero.core_simple.setup_variable()
x0, x1 = dezero.core_simple.Variable(np.array(0.0)), dezero.core_simple.Variable(np.array(2.0))
for i in range(ITERS):
    y = rosenbrock(x0, x1)
    x0.cleargrad()
    x1.cleargrad()
    y.backward()
    x0.data -= LR * x0.grad
    x1.data -= LR * x1.grad
print(x0, x1)
