//! [`Creator`]: a node of the graph, as programs see it that walk the graph by hand.

use std::any::Any;
use std::panic::Location;
use std::sync::{Arc, Weak};

use dezero_array::Array;

use crate::backprop;
use crate::node::{Edge, Node};
use crate::variable::Variable;

/// One application of a function, as pictures of the graph and curious users see it.
#[derive(Clone, Debug)]
pub struct Creator(Arc<Node>);

impl Creator {
    pub(crate) fn of(node: Arc<Node>) -> Creator {
        Creator(node)
    }

    /// The function's name.
    pub fn name(&self) -> &'static str {
        self.0.body.read_recursive().name()
    }

    /// A number that is the same for the same application and grows in order of recording.
    pub fn sequence(&self) -> u64 {
        self.0.sequence
    }

    /// The line that applied the function.
    pub fn location(&self) -> &'static Location<'static> {
        self.0.location
    }

    /// The variables that the function was applied to, constants included, where
    /// [`keep_inputs`](crate::keep_inputs) was on. One that nobody holds any more is made anew,
    /// with its value and its place in the graph, and is the same variable for whoever asks next.
    ///
    /// ```
    /// use dezero::{Array, Variable, keep_inputs};
    /// keep_inputs(true);
    /// let x = Variable::new(3.0);
    /// let y = &x * &x + Array::new(1.0);
    /// let add = y.creator().unwrap();
    /// let [product, one] = &add.operands()[..] else { unreachable!() };
    /// assert_eq!((product.item(), one.item()), (9.0, 1.0));
    /// assert!(product.creator().unwrap().operands()[1].is_same(&x));
    /// ```
    ///
    /// # Panics
    /// If an input was not kept.
    #[track_caller]
    pub fn operands(&self) -> Vec<Variable> {
        let body = self.0.body.read_recursive();
        let inputs = body.edges.iter().enumerate();
        inputs
            .map(|(i, edge)| operand(edge.as_ref(), body.saved(i), body.name()))
            .collect()
    }

    /// What the function computed, as far as somebody still holds it.
    ///
    /// There may be more than its caller was given: `lstm_cell` and `gru_cell` also compute the gates, last, which their
    /// backward reads. Nobody holds those until a backward pass was recorded, which then flows through them: a walk
    /// gives each result the gradient that reached it, and `None` where none did.
    ///
    /// ```
    /// use dezero::{Array, DType, Variable, functions};
    /// let a = Variable::new(Array::zeros([1, 8], DType::F64));
    /// let (h, c) = functions::lstm_cell(&a, &a, Array::new([[1.0, 2.0]]));
    /// let results = h.creator().unwrap().results();
    /// assert!(results[0].as_ref().unwrap().is_same(&h));
    /// assert!(results[1].as_ref().unwrap().is_same(&c));
    /// assert!(results[2].is_none());
    /// ```
    pub fn results(&self) -> Vec<Option<Variable>> {
        let body = self.0.body.read_recursive();
        (0..body.output_count())
            .map(|i| body.output(i as u32))
            .collect()
    }

    /// The gradients of the inputs from those of the outputs (zeros where `None`): one step of a
    /// backward pass, recorded where recording is on.
    ///
    /// # Panics
    /// If there are not as many gradients as outputs.
    #[track_caller]
    pub fn backward(&self, gys: &[Option<Variable>]) -> Vec<Option<Variable>> {
        let mut gxs = backprop::step(&self.0, gys);
        let body = self.0.body.read_recursive();
        for (edge, gx) in body.edges.iter().zip(&mut gxs) {
            let mut edge = edge.clone();
            while let Some(node) = edge.as_ref().map(|edge| edge.node.clone())
                && node.body.read_recursive().is_implied()
            {
                *gx = backprop::step(&node, &[gx.take()]).remove(0);
                edge = node.body.read_recursive().edges[0].clone();
            }
        }
        gxs
    }

    /// Looks at the function itself, for a program that knows its type; `None` where it was
    /// unchained.
    pub fn with_function<R>(&self, look: impl FnOnce(&dyn Any) -> R) -> Option<R> {
        let body = self.0.body.read_recursive();
        body.function().map(|function| look(function))
    }

    /// A reference that does not keep the graph alive.
    pub fn downgrade(&self) -> WeakCreator {
        WeakCreator(Arc::downgrade(&self.0))
    }

    /// The inputs that take part in differentiation: where each comes from.
    pub fn inputs(&self) -> Vec<Origin> {
        let body = self.0.body.read_recursive();
        body.edges.iter().flatten().map(Origin::new).collect()
    }
}

/// The variable that `edge` or, without one, the constant `data` stands for.
#[track_caller]
fn operand(edge: Option<&Edge>, data: Option<&Array>, function: &str) -> Variable {
    if let Some(edge) = edge {
        let body = edge.node.body.read_recursive();
        if body.is_implied() {
            return operand(body.edges[0].as_ref(), body.saved(0), body.name());
        }
        if let Some(alive) = body.output(edge.index) {
            return alive;
        }
    }
    let Some(data) = data else {
        panic!("{function}: an input was not kept; turn `keep_inputs` on before the computation");
    };
    let x = Variable::with_edge(data.clone(), edge.cloned());
    if let Some(edge) = edge {
        let mut body = edge.node.body.write();
        body.set_output(edge.index, Arc::downgrade(&x.0));
        if let Some(name) = body.output_name(edge.index) {
            x.0.write().put_name(name);
        }
    }
    x
}

/// A [`Creator`], if the graph that it is part of is still there.
#[derive(Clone, Debug, Default)]
pub struct WeakCreator(Weak<Node>);

impl WeakCreator {
    /// The application, if its graph is still there.
    pub fn upgrade(&self) -> Option<Creator> {
        self.0.upgrade().map(Creator)
    }
}

/// Where an input of a [`Creator`] comes from. The graph does not keep the variable itself alive.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The application that computed it, or `None` for a leaf.
    pub creator: Option<Creator>,
    /// A number that is the same for the same variable.
    pub sequence: (u64, u32),
    /// The variable, if somebody still holds it.
    pub variable: Option<Variable>,
}

impl Origin {
    fn new(edge: &Edge) -> Origin {
        let body = edge.node.body.read_recursive();
        Origin {
            creator: body
                .function()
                .is_some()
                .then(|| Creator(edge.node.clone())),
            sequence: (edge.node.sequence, edge.index),
            variable: body.output(edge.index),
        }
    }
}
