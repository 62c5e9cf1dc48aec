//! [`checkpoint()`]: less memory for more time.

use std::sync::Arc;

use dezero_array::Array;
use dezero_array::random::{self, RandomState};

use super::unary::Identity;
use crate::ancestors;
use crate::apply::{apply, apply_unary};
use crate::backprop;
use crate::config;
use crate::function::{Backward, Function, Gradients, Keep, Outputs};
use crate::node::{Edge, next_sequence};
use crate::variable::{AsVariable, Variable};

type Block = dyn Fn(&[Variable]) -> Vec<Variable> + Send + Sync;

/// Inputs: those of the block, then the variables from outside that it uses, of which only the place in the
/// graph matters.
struct Checkpoint {
    block: Arc<Block>,
    inputs: usize,
    /// What the block gave at the first time.
    outputs: Outputs,
    trains: bool,
    /// The default generator before the block drew from it.
    random: Option<Box<RandomState>>,
}

impl Function for Checkpoint {
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn forward(&mut self, _: &[Array]) -> Outputs {
        std::mem::take(&mut self.outputs)
    }

    fn keeps(&self, _needs_grad: &[bool]) -> Keep {
        (0..self.inputs).fold(Keep::NOTHING, |keep, i| keep.and(Keep::input(i)))
    }

    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let (ys, xs) = config::replaying(self.trains, || {
            let xs: Vec<Variable> = (0..self.inputs)
                .map(|i| match (context.edge(i), context.creates_graph()) {
                    (None, _) => Variable::constant(context.input_data(i).clone()),
                    (Some(_), false) => Variable::new(context.input_data(i).clone()),
                    // A place of its own in the graph, at which this gradient stops, and from which the
                    // next order goes on.
                    (Some(_), true) => apply_unary(Identity, &context.input(i)),
                })
                .collect();
            let ys = with_random(self.random.as_deref(), || (self.block)(&xs));
            (ys, xs)
        });
        if ys.len() != context.outputs() {
            panic!(
                "checkpoint: the block gave {} variables at first and now {}",
                context.outputs(),
                ys.len()
            );
        }
        let mut roots = Vec::new();
        for (i, y) in ys.iter().enumerate() {
            if let (true, Some(edge)) = (context.has_gy(i), y.edge()) {
                roots.push((edge, context.gy(i)));
            }
        }
        drop(ys);
        let inputs = xs.iter().map(Variable::edge);
        let ends: Vec<Option<Edge>> = inputs
            .chain((self.inputs..context.inputs()).map(|i| context.edge(i)))
            .collect();
        let is_wanted: Vec<bool> = (0..ends.len()).map(|i| context.needs_grad(i)).collect();
        backprop::grad_up_to(&roots, &ends, &is_wanted, context.creates_graph()).into()
    }
}

/// Runs `body` with the default generator in the state `random`, and puts back the one that it had.
fn with_random<R>(random: Option<&RandomState>, body: impl FnOnce() -> R) -> R {
    struct Restore(RandomState);
    impl Drop for Restore {
        fn drop(&mut self) {
            random::with_default(|rng| std::mem::swap(rng, &mut self.0));
        }
    }
    let _restore = random.map(|random| {
        Restore(random::with_default(|rng| {
            std::mem::replace(rng, random.clone())
        }))
    });
    body()
}

/// `block(x)`, of which the graph keeps only x: what lies between is computed again when a gradient
/// asks for it (gradient checkpointing). A long network cut into blocks needs the memory of the
/// blocks' inputs and of one block, for one more forward computation.
///
/// The result, the gradients of x and of all parameters that the block uses, and derivatives of any
/// order are those of `block(x)`. So that the second computation repeats the first, the block
///
/// - draws the same random numbers: dropout drops the same elements. The default generator
///   is put back for it and afterwards goes on where it was (no other thread may draw from it meanwhile);
/// - is in training or in test mode as it was at first;
/// - does not move the running statistics of [`BatchNorm`](crate::layers::BatchNorm) again;
/// - must itself depend on nothing that changes in between: no layer that keeps a state from call
///   to call ([`Lstm`](crate::layers::Lstm)), and no new values for its parameters before the backward pass.
///
/// The block lives as long as the graph, so it owns what it uses: a [`Parameter`](crate::Parameter) or a
/// [`Variable`] is cloned as a handle, a layer shared in an [`Arc`].
///
/// ```
/// use std::sync::Arc;
/// use dezero::{Array, DType, Layer, Variable, functions, layers::Linear};
///
/// let layer = Arc::new(Linear::new(8));
/// let x = Variable::new(Array::ones([2, 3], DType::F32));
/// let block = layer.clone();
/// let y = functions::checkpoint(move |x| block.forward(x).tanh().sum(), &x);
/// y.backward(); // computes the layer and tanh a second time
/// assert!(x.grad().is_some() && layer.params().iter().all(|p| p.grad().is_some()));
/// ```
///
/// # Panics
/// Where the block does.
#[track_caller]
pub fn checkpoint(
    block: impl Fn(&Variable) -> Variable + Send + Sync + 'static,
    x: impl AsVariable,
) -> Variable {
    let x = x.as_variable();
    checkpoint_many(move |xs| vec![block(&xs[0])], &[&x]).remove(0)
}

/// [`checkpoint()`] for a block of several inputs and outputs.
///
/// ```
/// use dezero::{Variable, functions};
/// let (x, h) = (Variable::new(0.5), Variable::new(2.0));
/// let ys = functions::checkpoint_many(
///     |xs| vec![(&xs[0] * &xs[1]).tanh(), &xs[0] + &xs[1]],
///     &[&x, &h],
/// );
/// (&ys[0] * &ys[1]).backward();
/// let direct = (0.5f64 * 2.0).tanh() + 2.5 * 2.0 / 1f64.cosh().powi(2);
/// assert!((x.grad().unwrap().item() - direct).abs() < 1e-12);
/// ```
///
/// # Panics
/// Where the block does.
#[track_caller]
pub fn checkpoint_many(
    block: impl Fn(&[Variable]) -> Vec<Variable> + Send + Sync + 'static,
    xs: &[&Variable],
) -> Vec<Variable> {
    if !config::is_recording() {
        let xs: Vec<Variable> = xs.iter().map(|&x| x.clone()).collect();
        return block(&xs);
    }
    let mut random = random::with_default(|rng| rng.clone());
    let start = next_sequence();
    let inside: Vec<Variable> = xs
        .iter()
        .map(|x| match x.requires_grad() {
            true => Variable::new(x.data()),
            false => x.detach(),
        })
        .collect();
    // Recorded once, to see what it uses from outside; then forgotten.
    let mut ys = block(&inside);
    let mut captured = ancestors::captured(&ys, &inside, start);
    if captured.iter().any(|edge| edge.is_new_parameter(start)) {
        // A layer drew its parameters, now that it knows the shapes: not what will be drawn again.
        random = random::with_default(|rng| rng.clone());
        ys = config::replaying(config::is_training(), || block(&inside));
        captured = ancestors::captured(&ys, &inside, start);
    }
    let inputs: Vec<Variable> = (xs.iter().map(|&x| x.clone()))
        .chain(captured.into_iter().map(Edge::into_variable))
        .collect();
    let drew = random::with_default(|rng| *rng != random);
    let function = Checkpoint {
        block: Arc::new(block),
        inputs: xs.len(),
        outputs: ys.iter().map(Variable::data).collect(),
        trains: config::is_training(),
        random: drew.then(|| Box::new(random)),
    };
    drop((ys, inside));
    apply(function, &inputs.iter().collect::<Vec<_>>()).into_vec()
}

#[cfg(test)]
mod tests {
    use crate::{Variable, functions, gradient_check};

    gradient_check!(
        checkpoint,
        |x| functions::checkpoint(|x| x.tanh() * x.exp(), x),
        [[0.5, -1.0, 0.0], [2.0, 0.3, -0.7]]
    );
    // What the block captures is reached through the block, through x, and through each other.
    gradient_check!(
        captures: checkpoint,
        |x, w| {
            let (u, v) = (w.clone(), w.tanh());
            functions::checkpoint(move |h| (h * &u).sin() + h * &v, x * w)
        },
        [[0.5], [-1.0]],
        [[0.3, 1.5]]
    );
    gradient_check!(
        nested: checkpoint,
        |x| functions::checkpoint(|x| functions::checkpoint(|x| x.sin(), x * 2.0) * x, x).tanh(),
        [0.5, -1.0]
    );
    gradient_check!(
        checkpoint_many,
        |x, h| {
            let ys = functions::checkpoint_many(
                |xs| vec![(&xs[0] * &xs[1]).tanh(), xs[1].exp()],
                &[x, h],
            );
            &ys[0] * &ys[1]
        },
        [0.5, -1.0],
        [1.5, 0.2]
    );
    gradient_check!(
        shared: checkpoint_many,
        |x| functions::checkpoint_many(|xs| vec![&xs[0] * xs[1].exp(), xs[0].sin()], &[x, x]).remove(0),
        [0.5, -1.0]
    );
    gradient_check!(
        returns_what_it_got: checkpoint_many,
        |x, w| {
            let w = w.clone();
            let ys = functions::checkpoint_many(move |xs| vec![xs[0].clone(), w.clone()], &[x]);
            &ys[0] * ys[1].sin()
        },
        [0.5, -1.0],
        [1.5, 0.2]
    );

    #[test]
    fn a_constant_or_unrecorded_result_is_a_constant() {
        let x = Variable::new(2.0);
        let direct = crate::no_grad(|| functions::checkpoint(Variable::exp, &x));
        assert!(!direct.requires_grad());
        assert!(!functions::checkpoint(Variable::exp, x.data()).requires_grad());
    }
}
