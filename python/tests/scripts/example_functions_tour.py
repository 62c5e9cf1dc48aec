"""Every function once, forward and back."""
# tolerance: 1e-9
import numpy as np
import dezero.functions as F
from dezero import Variable

random = np.random.RandomState(0)
x = Variable(random.rand(3, 4) + 0.1)
z = Variable(random.rand(3, 4) + 0.1)
t = random.randint(0, 4, 3)
binary = random.randint(0, 2, (3, 1))
W = Variable(random.randn(4, 2))
b = Variable(random.randn(2))
cases = {
    'sin': lambda: F.sin(x), 'cos': lambda: F.cos(x), 'tanh': lambda: F.tanh(x), 'exp': lambda: F.exp(x),
    'log': lambda: F.log(x), 'reshape': lambda: F.reshape(x, (2, 6)), 'expand_dims': lambda: F.expand_dims(x, 1),
    'flatten': lambda: F.flatten(F.expand_dims(x, 2)), 'sum': lambda: F.sum(x, 1), 'sum_to': lambda: F.sum_to(x, (1, 4)),
    'broadcast_to': lambda: F.broadcast_to(x, (2, 3, 4)), 'matmul': lambda: F.matmul(x, W), 'linear': lambda: F.linear(x, W, b),
    'linear without b': lambda: F.linear(x, W), 'linear_simple': lambda: F.linear_simple(x, W, b),
    'transpose': lambda: F.transpose(x, (1, 0)), 'get_item': lambda: F.get_item(x, (slice(1, 3), 0)),
    'sigmoid_simple': lambda: F.sigmoid_simple(x), 'sigmoid': lambda: F.sigmoid(x), 'relu': lambda: F.relu(x - 0.5),
    'softmax_simple': lambda: F.softmax_simple(x), 'softmax': lambda: F.softmax(x, axis=0), 'log_softmax': lambda: F.log_softmax(x),
    'leaky_relu': lambda: F.leaky_relu(x - 0.5, 0.1), 'mean_squared_error_simple': lambda: F.mean_squared_error_simple(x, z),
    'mean_squared_error': lambda: F.mean_squared_error(x, z), 'softmax_cross_entropy_simple': lambda: F.softmax_cross_entropy_simple(x, t),
    'softmax_cross_entropy': lambda: F.softmax_cross_entropy(x, t), 'sigmoid_cross_entropy': lambda: F.sigmoid_cross_entropy(x[:, :1], binary),
    'binary_cross_entropy': lambda: F.binary_cross_entropy(F.sigmoid(x[:, :1]), binary), 'embed_id': lambda: F.embed_id(t % 3, x),
    'max': lambda: F.max(x), 'max 0': lambda: F.max(x, axis=0), 'max 1': lambda: F.max(x, 1, True), 'min': lambda: F.min(x, axis=1),
    'clip': lambda: F.clip(x, 0.3, 0.8), 'add': lambda: F.add(x, z), 'sub': lambda: F.sub(x, z), 'rsub': lambda: F.rsub(x, z),
    'mul': lambda: F.mul(x, z), 'div': lambda: F.div(x, z), 'neg': lambda: F.neg(x),
    'batch_nrom': lambda: F.batch_nrom(x, Variable(np.full(4, 2.0)), Variable(np.ones(4)), np.zeros(4), np.ones(4)),
}
for name, function in cases.items():
    for v in (x, z, W, b):
        v.cleargrad()
    y = function()
    weight = np.cos(np.arange(y.size)).reshape(y.shape)
    loss = F.sum(y * weight)
    loss.backward()
    print(name, y.shape, y.dtype, y.data.ravel()[:4], None if x.grad is None else x.grad.data.ravel()[:5])
    for v in (z, W, b):
        if v.grad is not None:
            print('   ', v.grad.shape, v.grad.data.ravel()[:4])
print(F.accuracy(x, t), F.Sin.__name__, F.Softmax(1)(x).shape, F.Linear()(x, W, b).shape)
mean, var = np.zeros(4, np.float32), np.ones(4, np.float32)
F.batch_nrom(x, Variable(np.ones(4)), Variable(np.zeros(4)), mean, var, 0.5)
print(mean, var)
