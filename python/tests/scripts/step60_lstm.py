"""An LSTM follows the wave in many rows at a time."""
# tolerance: 1e-4
import numpy as np
import dezero
from dezero import Model, SeqDataLoader
import dezero.functions as F
import dezero.layers as L

max_epoch = 3
batch_size = 30
hidden_size = 30
bptt_length = 15

np.random.seed(0)
train_set = dezero.datasets.SinCurve(train=True)
dataloader = SeqDataLoader(train_set, batch_size=batch_size)
x, t = next(dataloader)
print(x.shape, t.shape, x[:3].ravel())
dataloader.reset()
seqlen = len(train_set)


class BetterRNN(Model):
    def __init__(self, hidden_size, out_size):
        super().__init__()
        self.rnn = L.LSTM(hidden_size)
        self.fc = L.Linear(out_size)

    def reset_state(self):
        self.rnn.reset_state()

    def forward(self, x):
        y = self.rnn(x)
        return self.fc(y)


model = BetterRNN(hidden_size, 1)
optimizer = dezero.optimizers.Adam().setup(model)
for epoch in range(max_epoch):
    model.reset_state()
    loss, count = 0, 0
    for x, t in dataloader:
        y = model(x)
        loss += F.mean_squared_error(y, t)
        count += 1
        if count % bptt_length == 0 or count == seqlen:
            model.cleargrads()
            loss.backward()
            loss.unchain_backward()
            optimizer.update()
        if count == 300:
            break
    print('| epoch %d | loss %f' % (epoch + 1, float(loss.data) / count))

xs = np.cos(np.linspace(0, 4 * np.pi, 30))
model.reset_state()
pred_list = []
with dezero.no_grad():
    for x in xs:
        y = model(np.array(x).reshape(1, 1))
        pred_list.append(float(y.data))
print(['%.4f' % p for p in pred_list[::5]])
print(sorted(model.rnn._params), len(list(model.params())))
