"""The picture of a graph is drawn by Graphviz."""
import os
import tempfile
import numpy as np
from dezero import Variable
from dezero.utils import get_dot_graph, plot_dot_graph


def goldstein(x, y):
    return (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x ** 2 - 14 * y + 6 * x * y + 3 * y ** 2)) * \
        (30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x ** 2 + 48 * y - 36 * x * y + 27 * y ** 2))


x = Variable(np.array(1.0), 'x')
y = Variable(np.array(1.0), 'y')
z = goldstein(x, y)
z.backward()
z.name = 'z'

dot = get_dot_graph(z, verbose=False)
print(len(dot.splitlines()), dot.count('->'), dot.count('shape=box'))
for label in ('Add', 'Mul', 'Pow', 'Sub', 'x', 'y', 'z', ''):
    print(label, dot.count('label="%s"' % label))

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'goldstein.svg')
    print(plot_dot_graph(z, verbose=False, to_file=path))
    print(os.path.exists(path))
