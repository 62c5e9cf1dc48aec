"""Golden numbers of shape, index, reduction and matrix-product operations, by PyTorch in float64."""

import numpy as np
import torch

from cases import Cases

c = Cases("shapes", seed=12)

# Reductions.
x = c.draw(2, 3, 4)
for name, axes in (("all", None), ("1", (1,)), ("0_2", (0, 2)), ("last", (-1,))):
    for keepdims in (False, True):
        if keepdims and name != "1":
            continue
        suffix = f"axis_{name}" + ("_keepdims" if keepdims else "")
        settings = {"keepdims": int(keepdims)} | ({} if axes is None else {"axes": list(axes)})
        dims = (0, 1, 2) if axes is None else axes
        c.case(f"sum_{suffix}", lambda x: x.sum(dims, keepdim=keepdims), order=1, settings=settings, x=x)
        c.case(f"mean_{suffix}", lambda x: x.mean(dims, keepdim=keepdims), order=1, settings=settings, x=x)
for name, axes in (("all", None), ("1", (1,)), ("0_2", (0, 2))):
    dims = (0, 1, 2) if axes is None else axes
    settings = {} if axes is None else {"axes": list(axes)}
    # ddof 0, as numpy.var.
    c.case(f"var_axis_{name}", lambda x: x.var(dims, correction=0), settings=settings, x=x)
    c.case(f"logsumexp_axis_{name}", lambda x: x.logsumexp(dims), settings=settings, x=x)
    c.case(f"norm_axis_{name}", lambda x: torch.linalg.vector_norm(x, 2, dims), settings=settings, x=x)
    unique = c.distinct(2, 3, 4)
    c.case(f"max_axis_{name}", lambda x: x.amax(dims), order=1, settings=settings, x=unique)
    c.case(f"min_axis_{name}", lambda x: x.amin(dims), order=1, settings=settings, x=unique)
c.case("logsumexp_far", lambda x: x.logsumexp(1), settings={"axes": [1]}, x=[[-800.0, -801.0, -900.0], [800.0, 799.0, 0.0]])
# A convention: PyTorch shares the gradient among ties.
c.case("max_tie", lambda x: x.amax(1), order=1, settings={"axes": [1]}, x=[[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]])
for axis in (0, 1):
    c.case(f"cumsum_axis_{axis}", lambda x: x.cumsum(axis), order=1, settings={"axis": axis}, x=x)

# Indexing. Squared where the operation is linear, so that its second derivative says something.
x = c.draw(4, 5)
c.case("get_item_slice", lambda x: x[1:3, :-1] ** 2, x=x)
c.case("get_item_steps", lambda x: x[::2, 1::3] ** 2, x=x)
# The Rust side slices with step -1; PyTorch has flip.
c.case("get_item_reversed", lambda x: x.flip(1)[:, ::2] ** 2, x=x)
c.case("get_item_integers_2d", lambda x, i: x[i] ** 2, fixed={"i": np.array([[0, 3, 0], [1, 0, 2]])}, x=x)
c.case(
    "get_item_pairs",
    lambda x, i, j: x[i, j] ** 2,
    fixed={"i": np.array([0, 1, 1, 3, 1]), "j": np.array([4, 2, 2, -1, 0])},
    x=x,
)
c.case("get_item_mask", lambda x, mask: x[mask] ** 2, fixed={"mask": x > 0.3}, x=x)
index = np.array([[0, 4, 1], [2, 2, 2], [4, 0, 4], [1, 3, 1]])
c.case("gather_axis_1", lambda x, i: x.gather(1, i) ** 2, settings={"axis": 1}, fixed={"i": index}, x=x)

# Joining and laying out.
c.case("concatenate_axis_0", lambda x0, x1, x2: torch.cat([x0, x1, x2], 0), order=1, x0=c.draw(1, 3), x1=c.draw(2, 3), x2=c.draw(3, 3))
c.case("concatenate_axis_1", lambda x0, x1: torch.cat([x0, x1], 1), order=1, x0=c.draw(2, 3), x1=c.draw(2, 2))
for axis in (0, 2):
    c.case(f"stack_axis_{axis}", lambda x0, x1: torch.stack([x0, x1], axis), order=1, settings={"axis": axis}, x0=c.draw(2, 3), x1=c.draw(2, 3))
c.case("transpose", lambda x: x.permute(2, 0, 1), order=1, settings={"axes": [2, 0, 1]}, x=c.draw(2, 3, 4))
# PyTorch lists the last axis first: (left, right, top, bottom).
c.case("pad", lambda x: torch.nn.functional.pad(x, (1, 2, 0, 3)), order=1, settings={"pad": [[0, 3], [1, 2]]}, x=c.draw(2, 3))
c.case("pad_value", lambda x: torch.nn.functional.pad(x, (2, 0, 1, 1), value=0.5), order=1, settings={"pad": [[1, 1], [2, 0]], "value": 0.5}, x=c.draw(2, 3))
for axis in (0, 1):
    # numpy.repeat: each element n times in a row.
    c.case(f"repeat_axis_{axis}", lambda x: x.repeat_interleave(3, axis), order=1, settings={"axis": axis, "repeats": 3}, x=c.draw(2, 3))
c.case("broadcast_to", lambda x: x.expand(2, 4, 3), order=1, settings={"shape": [2, 4, 3]}, x=c.draw(4, 1))

# Matrix products.
shapes = {
    "matmul_2d": ((2, 3), (3, 4)),
    "matmul_vectors": ((3,), (3,)),
    "matmul_matrix_vector": ((2, 3), (3,)),
    "matmul_vector_matrix": ((3,), (3, 2)),
    "matmul_batched": ((2, 3, 4), (2, 4, 2)),
    "matmul_batch_broadcast": ((2, 1, 2, 3), (3, 3, 2)),
    "matmul_batch_matrix": ((2, 2, 3), (3, 4)),
    "matmul_batch_vector": ((2, 2, 3), (3,)),
    "matmul_vector_batch": ((2,), (3, 2, 3)),
}
for name, (s0, s1) in shapes.items():
    c.case(name, lambda x0, x1: x0 @ x1, x0=c.draw(*s0), x1=c.draw(*s1))
c.case("matmul_transposed", lambda x0, x1: x0.T @ x1.T, x0=c.draw(3, 2), x1=c.draw(4, 3))
# W of shape (in, out), as DeZero's linear.
c.case("linear", lambda x, W, b: x @ W + b, x=c.draw(4, 3), W=c.draw(3, 2), b=c.draw(2))

c.write()
