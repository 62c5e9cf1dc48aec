"""A recurrent network follows a noisy wave."""
# tolerance: 1e-4
import numpy as np
import dezero
from dezero import Model
import dezero.functions as F
import dezero.layers as L

np.random.seed(0)
rnn = L.RNN(10)
x = np.random.rand(1, 1)
h = rnn(x)
print(h.shape, h.data[0, :3], len(list(rnn.params())))

max_epoch = 2
hidden_size = 20
bptt_length = 30

train_set = dezero.datasets.SinCurve(train=True)
seqlen = len(train_set)
print(seqlen, train_set[0], train_set[1])


class SimpleRNN(Model):
    def __init__(self, hidden_size, out_size):
        super().__init__()
        self.rnn = L.RNN(hidden_size)
        self.fc = L.Linear(out_size)

    def reset_state(self):
        self.rnn.reset_state()

    def forward(self, x):
        return self.fc(self.rnn(x))


model = SimpleRNN(hidden_size, 1)
optimizer = dezero.optimizers.Adam().setup(model)
for epoch in range(max_epoch):
    model.reset_state()
    loss, count = 0, 0
    for x, t in train_set:
        x = x.reshape(1, 1)
        y = model(x)
        loss += F.mean_squared_error(y, t)
        count += 1
        if count % bptt_length == 0 or count == seqlen:
            model.cleargrads()
            loss.backward()
            loss.unchain_backward()
            optimizer.update()
    print('| epoch %d | loss %f' % (epoch + 1, float(loss.data) / count))

xs = np.cos(np.linspace(0, 4 * np.pi, 50))
model.reset_state()
pred_list = []
with dezero.no_grad():
    for x in xs:
        x = np.array(x).reshape(1, 1)
        y = model(x)
        pred_list.append(float(y.data))
print(['%.4f' % p for p in pred_list[::7]])
