"""Golden sequences of recurrent networks with their gradients, by PyTorch in float64.

Layouts are PyTorch's. x: (T, N, I). Weights: w_ih_l0 (k H, I), w_hh_l0 (k H, H), b_ih_l0 and b_hh_l0 (k H), applied
as w x + b, so DeZero's (in, out) matrices are the transposed blocks. Blocks of H rows in the order
LSTM: input, forget, cell (DeZero's u), output; GRU: reset, update, new, where
n = tanh(W_in x + b_in + r (W_hn h + b_hn)) and h' = (1 - z) n + z h.
DeZero's layers have one bias: b_ih + b_hh is the same for RNN and LSTM. `h`, `c` are the last states, (layers, N, H).
"""

import torch

from cases import Cases

c = Cases("recurrent", seed=17)


def sequence(name, kind, steps, batch, inputs, hidden, layers=1, states=True, order=2):
    make = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind]
    module = make(inputs, hidden, layers)
    plain = {k: k.replace("weight", "w").replace("bias", "b") for k, _ in module.named_parameters()}
    weights = {plain[k]: c.draw(*p.shape, low=-1, high=1) for k, p in module.named_parameters()}
    data = {"x": c.draw(steps, batch, inputs)}
    if states:
        data["h0"] = c.draw(layers, batch, hidden, low=-1, high=1)
        if kind == "lstm":
            data["c0"] = c.draw(layers, batch, hidden, low=-1, high=1)

    def run(x, h0=None, c0=None, **weights):
        state = (h0, c0) if kind == "lstm" and h0 is not None else h0
        y, last = torch.func.functional_call(module, {k: weights[v] for k, v in plain.items()}, (x, state) if states else (x,))
        return {"y": y, "h": last[0], "c": last[1]} if kind == "lstm" else {"y": y, "h": last}

    c.case(name, run, order=order, **data, **weights)


for kind in ("rnn", "lstm", "gru"):
    sequence(kind, kind, steps=3, batch=2, inputs=3, hidden=2)
sequence("lstm_two_layers", "lstm", steps=4, batch=3, inputs=2, hidden=3, layers=2, states=False, order=1)

c.write()
