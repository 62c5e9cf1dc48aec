"""Weights go to a file and come back."""
# tolerance: 1e-4
import os
import tempfile
import numpy as np
import dezero
import dezero.functions as F
import dezero.layers as L
from dezero import DataLoader, Model, optimizers
from dezero.models import MLP

folder = tempfile.mkdtemp()
path = os.path.join(folder, 'my_mlp.npz')
train_set = dezero.datasets.Spiral()


def train(model, epochs):
    np.random.seed(3)
    loader = DataLoader(train_set, 50)
    optimizer = optimizers.SGD(0.5).setup(model)
    for epoch in range(epochs):
        sum_loss = 0
        for x, t in loader:
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            sum_loss += float(loss.data) * len(t)
        print('epoch: {}, loss: {:.4f}'.format(epoch + 1, sum_loss / 300))


model = MLP((20, 3))
if os.path.exists(path):
    model.load_weights(path)
train(model, 3)
model.save_weights(path)
with np.load(path) as file:
    for key in sorted(file.files):
        print(key, file[key].shape, file[key].dtype)

other = MLP((20, 3))
other.load_weights(path)
x = train_set.data[:5]
print(np.array_equal(model(x).data, other(x).data))
train(other, 2)


class Nested(Model):
    def __init__(self):
        super().__init__()
        self.conv = L.Conv2d(2, 3, in_channels=1)
        self.bn = L.BatchNorm()
        self.rnn = L.RNN(3, in_size=3)
        self.mlp = MLP((4, 2))

    def forward(self, x):
        x = F.relu(self.bn(self.conv(x)))
        return self.mlp(self.rnn(F.average_pooling(x, 4).reshape(len(x), -1)[:, [0, 1, 0]]))


np.random.seed(0)
a = Nested()
x = np.random.randn(3, 1, 6, 6).astype(np.float32)
a(x)
a.save_weights(os.path.join(folder, 'nested.npz'))
with np.load(os.path.join(folder, 'nested.npz')) as file:
    for key in sorted(file.files):
        print(key, file[key].shape, file[key].dtype)
b = Nested()
b.load_weights(os.path.join(folder, 'nested.npz'))
with dezero.test_mode():
    a.rnn.reset_state()
    b.rnn.reset_state()
    print(a(x), np.array_equal(a(x).data.shape, b(x).data.shape))

np.save(os.path.join(folder, 'x.npy'), np.arange(3))
print(np.load(os.path.join(folder, 'x.npy')))
