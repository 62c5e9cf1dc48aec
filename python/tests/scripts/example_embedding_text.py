"""Characters to vectors: an embedding, an LSTM, the next character."""
# needs: shakespeare
# tolerance: 1e-3
import numpy as np
import dezero
import dezero.functions as F
import dezero.layers as L
from dezero import Model, SeqDataLoader

np.random.seed(0)
dataset = dezero.datasets.Shakespear()
print(len(dataset), dataset.data[:20], len(dataset.char_to_id), repr(dataset.id_to_char[3]))
print(''.join(dataset.id_to_char[i] for i in dataset.data[:60]))


class Net(Model):
    def __init__(self, vocabulary):
        super().__init__()
        self.embed = L.EmbedID(vocabulary, 12)
        self.rnn = L.LSTM(16)
        self.fc = L.Linear(vocabulary)

    def forward(self, x):
        return self.fc(self.rnn(F.embed_id(x, self.embed.W)))


model = Net(len(dataset.char_to_id))
optimizer = dezero.optimizers.Adam(0.01).setup(model)
loader = SeqDataLoader(dataset, 20)
loss, count = 0, 0
for x, t in loader:
    loss += F.softmax_cross_entropy(model(x), t)
    count += 1
    if count % 10 == 0:
        model.cleargrads()
        loss.backward()
        loss.unchain_backward()
        optimizer.update()
        print('%.5f' % (float(loss.data) / count))
    if count == 60:
        break
print(model.embed(x[:2]).data[:, :3], model.embed.W.shape)
