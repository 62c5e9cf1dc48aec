"""Golden numbers of batch and group normalisation, by PyTorch in float64.

`mean` and `var` are the running statistics before the call, `new_mean` and `new_var` after it: new = (1 - momentum)
old + momentum * batch, the batch variance with n / (n - 1). DeZero writes decay = 1 - momentum (0.9) and eps 2e-5.
"""

import torch
import torch.nn.functional as F

from cases import Cases

c = Cases("normalization", seed=16)


def batch_norm(name, shape, eps, momentum, training):
    mean, var = c.draw(shape[1]), c.draw(shape[1], low=0.5, high=2)
    new_mean, new_var = torch.tensor(mean), torch.tensor(var)
    c.case(
        name,
        lambda x, gamma, beta: F.batch_norm(x, new_mean, new_var, gamma, beta, training, momentum, eps),
        settings={"mean": mean, "var": var, "eps": eps, "momentum": momentum},
        x=c.draw(*shape),
        gamma=c.draw(shape[1]),
        beta=c.draw(shape[1]),
    )
    if training:
        c.store(f"{name}/new_mean", new_mean.numpy())
        c.store(f"{name}/new_var", new_var.numpy())


batch_norm("batch_norm_train_2d", (5, 3), 2e-5, 0.1, True)
batch_norm("batch_norm_train_4d", (2, 3, 3, 2), 1e-5, 0.25, True)
batch_norm("batch_norm_eval_4d", (2, 3, 2, 3), 1e-5, 0.1, False)

for groups in (2, 4):
    c.case(
        f"group_norm_{groups}",
        lambda x, gamma, beta: F.group_norm(x, groups, gamma, beta, 1e-5),
        settings={"groups": groups, "eps": 1e-5},
        x=c.draw(2, 4, 2, 3),
        gamma=c.draw(4),
        beta=c.draw(4),
    )

c.write()
