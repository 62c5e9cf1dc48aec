//! [`Function`]: what an operation supplies, and [`Backward`]: what its backward can ask for.

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;

use dezero_array::Array;
use smallvec::SmallVec;

use crate::ancestors::{Wanted, wants};
use crate::backprop::Gys;
use crate::config;
use crate::node::{Body, Edge, Node};
use crate::variable::Variable;

/// Results of a forward computation; most functions have one.
pub type Outputs = SmallVec<[Array; 1]>;

/// An operation: how to compute it, what its backward reads, and its backward.
///
/// An object is made for one application, so `forward` may leave in `self` what only it knows (a
/// mask, an axis, the positions of maxima). `backward` is written in [`Variable`] operations, which
/// makes it differentiable again, to any order.
///
/// ```
/// use dezero::{Array, Backward, Function, Gradients, Keep, Outputs, Variable, apply};
///
/// struct Square;
/// impl Function for Square {
///     fn name(&self) -> &'static str { "square" }
///     fn forward(&mut self, xs: &[Array]) -> Outputs { [&xs[0] * &xs[0]].into() }
///     fn keeps(&self, _needs_grad: &[bool]) -> Keep { Keep::INPUTS }
///     fn backward(&self, context: &Backward<'_>) -> Gradients {
///         (2.0 * context.input(0) * context.gy(0)).into()
///     }
/// }
///
/// let x = Variable::new(3.0);
/// let y = &apply(Square, &[&x])[0];
/// y.backward();
/// assert_eq!(x.grad().unwrap().item(), 6.0);
/// ```
pub trait Function: Any + Send + Sync {
    /// The name in messages and pictures of the graph.
    fn name(&self) -> &'static str;

    /// Computes the outputs from the inputs.
    #[track_caller]
    fn forward(&mut self, xs: &[Array]) -> Outputs;

    /// What was set besides the inputs, such as an exponent, for pictures of the graph.
    fn setting(&self) -> String {
        String::new()
    }

    /// How many multiplications of two numbers, each with an addition, `forward` does in products of
    /// matrices and the like: the work that [`summary`](crate::summary()) and
    /// [`profile`](crate::profile()) report.
    fn multiply_adds(&self, _xs: &[Array], _ys: &[Array]) -> u64 {
        0
    }

    /// Which inputs and outputs `backward` reads; the graph keeps nothing else alive.
    /// `needs_grad[i]` tells whether a gradient of input `i` can be asked for.
    fn keeps(&self, _needs_grad: &[bool]) -> Keep {
        Keep::NOTHING
    }

    /// The gradients of the inputs, from the gradients of the outputs.
    #[track_caller]
    fn backward(&self, context: &Backward<'_>) -> Gradients;
}

/// The inputs and outputs that a function's backward reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    inputs: u64,
    outputs: u64,
}

impl Keep {
    /// Neither inputs nor outputs.
    pub const NOTHING: Keep = Keep {
        inputs: 0,
        outputs: 0,
    };
    /// All inputs.
    pub const INPUTS: Keep = Keep {
        inputs: u64::MAX,
        outputs: 0,
    };
    /// All outputs.
    pub const OUTPUTS: Keep = Keep {
        inputs: 0,
        outputs: u64::MAX,
    };

    /// Input `i` alone. Inputs from the 64th on are kept or dropped together.
    #[inline]
    pub const fn input(i: usize) -> Keep {
        Keep {
            inputs: bit(i),
            outputs: 0,
        }
    }

    /// Output `i` alone.
    #[inline]
    pub const fn output(i: usize) -> Keep {
        Keep {
            inputs: 0,
            outputs: bit(i),
        }
    }

    /// Of two factors each, where the gradient of the other is asked for: what products keep.
    #[inline]
    pub fn factors(needs_grad: &[bool]) -> Keep {
        let first = Keep::input(0).when(needs_grad[1]);
        first.and(Keep::input(1).when(needs_grad[0]))
    }

    /// Both what `self` and what `other` names.
    #[inline]
    pub const fn and(self, other: Keep) -> Keep {
        Keep {
            inputs: self.inputs | other.inputs,
            outputs: self.outputs | other.outputs,
        }
    }

    #[inline]
    pub(crate) fn has_input(self, i: usize) -> bool {
        self.inputs & bit(i) != 0
    }

    #[inline]
    pub(crate) fn has_output(self, i: usize) -> bool {
        self.outputs & bit(i) != 0
    }

    #[inline]
    pub(crate) fn has_outputs(self) -> bool {
        self.outputs != 0
    }

    /// `self` if `condition` holds, otherwise nothing.
    #[inline]
    pub const fn when(self, condition: bool) -> Keep {
        if condition { self } else { Keep::NOTHING }
    }
}

const fn bit(i: usize) -> u64 {
    1 << if i < 63 { i } else { 63 }
}

/// Gradients of a function's inputs, in their order; `None` where none is needed or the function
/// does not depend on the input.
pub struct Gradients(pub(crate) SmallVec<[Option<Variable>; 2]>);

impl From<Variable> for Gradients {
    #[inline]
    fn from(gx: Variable) -> Gradients {
        let mut gxs = SmallVec::new();
        gxs.push(Some(gx));
        Gradients(gxs)
    }
}

impl<const N: usize> From<[Variable; N]> for Gradients {
    fn from(gxs: [Variable; N]) -> Gradients {
        Gradients(gxs.into_iter().map(Some).collect())
    }
}

impl<const N: usize> From<[Option<Variable>; N]> for Gradients {
    #[inline]
    fn from(gxs: [Option<Variable>; N]) -> Gradients {
        let mut all = SmallVec::new();
        for gx in gxs {
            all.push(gx);
        }
        Gradients(all)
    }
}

impl From<Vec<Option<Variable>>> for Gradients {
    fn from(gxs: Vec<Option<Variable>>) -> Gradients {
        Gradients(gxs.into())
    }
}

impl From<Vec<Variable>> for Gradients {
    fn from(gxs: Vec<Variable>) -> Gradients {
        Gradients(gxs.into_iter().map(Some).collect())
    }
}

/// What a function's backward can ask for.
pub struct Backward<'a> {
    node: &'a Arc<Node>,
    pub(crate) body: &'a Body,
    /// The gradient of the first output, which can be given away.
    first_gy: Cell<Option<Variable>>,
    /// Those of the others.
    gys: &'a Gys,
    /// The nodes that gradients are asked for; `None`: all.
    wanted: Option<&'a Wanted>,
}

impl<'a> Backward<'a> {
    #[inline]
    pub(crate) fn new(
        node: &'a Arc<Node>,
        body: &'a Body,
        gys: &'a mut Gys,
        wanted: Option<&'a Wanted>,
    ) -> Backward<'a> {
        Backward {
            node,
            body,
            first_gy: Cell::new(gys.first.take()),
            gys,
            wanted,
        }
    }
    /// Input `i` as the forward saw it, connected to the graph.
    ///
    /// # Panics
    /// If [`Function::keeps`] does not name it.
    #[track_caller]
    pub fn input(&self, i: usize) -> Variable {
        let Some(x) = self.body.saved(i) else {
            self.not_kept("input", i)
        };
        Variable::with_edge(x.clone(), self.body.edges[i].clone())
    }

    /// Other elements in the place of input `i`, connected to the graph: for a function that has the same derivatives there,
    /// and need not keep its input.
    pub(crate) fn input_as(&self, i: usize, x: Array) -> Variable {
        Variable::with_edge(x, self.body.edges[i].clone())
    }

    /// Output `i` as the forward computed it, connected to the graph.
    ///
    /// # Panics
    /// If [`Function::keeps`] does not name it.
    #[track_caller]
    pub fn output(&self, i: usize) -> Variable {
        let Some(y) = self.body.saved(self.body.edges.len() + i) else {
            self.not_kept("output", i)
        };
        Variable::with_edge(
            y.clone(),
            Some(Edge {
                node: self.node.clone(),
                index: i as u32,
            }),
        )
    }

    /// Input `i` without its connection to the graph, for masks and first-order kernels.
    ///
    /// # Panics
    /// If [`Function::keeps`] does not name it.
    #[track_caller]
    #[inline]
    pub fn input_data(&self, i: usize) -> &Array {
        let Some(x) = self.body.saved(i) else {
            self.not_kept("input", i)
        };
        x
    }

    /// Output `i` without its connection to the graph, as [`input_data`](Backward::input_data).
    ///
    /// # Panics
    /// If [`Function::keeps`] does not name it.
    #[track_caller]
    #[inline]
    pub fn output_data(&self, i: usize) -> &Array {
        let Some(y) = self.body.saved(self.body.edges.len() + i) else {
            self.not_kept("output", i)
        };
        y
    }

    /// Gradient of output `i`: zeros where nobody used that output.
    #[track_caller]
    pub fn gy(&self, i: usize) -> Variable {
        match self.find_gy(i) {
            Some(gy) => gy,
            None => {
                let (shape, dtype) = self.body.output_type(i as u32).expect("several outputs");
                Variable::constant(Array::zeros(shape, dtype))
            }
        }
    }

    /// Where input `i` comes from; `None` for constants.
    pub(crate) fn edge(&self, i: usize) -> Option<Edge> {
        self.body.edges[i].clone()
    }

    /// How many inputs the function has.
    pub fn inputs(&self) -> usize {
        self.body.edges.len()
    }

    /// [`gy`](Backward::gy), given away: it can be computed with in place, if nobody else sees it.
    /// To be asked for once.
    #[track_caller]
    #[inline]
    pub(crate) fn take_gy(&self) -> Variable {
        self.first_gy.take().unwrap_or_else(|| self.gy(0))
    }

    #[inline]
    fn find_gy(&self, i: usize) -> Option<Variable> {
        if i > 0 {
            return self.gys.get(i).cloned();
        }
        let gy = self.first_gy.take();
        self.first_gy.set(gy.clone());
        gy
    }

    /// How many outputs the function has.
    pub fn outputs(&self) -> usize {
        self.body.output_count()
    }

    /// Whether output `i` was used, so that its gradient is not all zeros.
    pub fn has_gy(&self, i: usize) -> bool {
        self.find_gy(i).is_some()
    }

    /// Whether somebody wants the gradient of input `i`.
    #[inline]
    pub fn needs_grad(&self, i: usize) -> bool {
        let edge = self.body.edges[i].as_ref();
        edge.is_some_and(|edge| wants(self.wanted, edge))
    }

    /// Whether this pass itself is recorded (`create_graph`): a fused first-order kernel may serve
    /// only where it is not.
    #[inline]
    pub fn creates_graph(&self) -> bool {
        config::is_recording()
    }

    #[track_caller]
    fn not_kept(&self, what: &str, i: usize) -> ! {
        let name = self.body.name();
        panic!("{name}: backward reads {what} {i}, which `keeps` does not name");
    }
}
