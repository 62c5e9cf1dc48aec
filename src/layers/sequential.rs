//! [`Sequential`]: modules one after the other.

use std::fmt;
use std::sync::Arc;

use super::{Layer, Module, Visitor};
use crate::variable::{AsVariable, Variable};

/// A function of a variable as a layer without parameters: an activation.
#[derive(Clone)]
pub struct Activation(Arc<dyn Fn(&Variable) -> Variable + Send + Sync>);

impl Activation {
    /// A layer that applies `function`.
    pub fn new(function: impl Fn(&Variable) -> Variable + Send + Sync + 'static) -> Activation {
        Activation(Arc::new(function))
    }
}

impl Layer for Activation {
    fn visit(&self, _: &mut Visitor<'_>) {}
}

impl Module for Activation {
    fn forward(&self, x: &Variable) -> Variable {
        (self.0)(x)
    }
}

impl fmt::Debug for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Activation")
    }
}

/// What [`Sequential::add`] takes: modules, and functions such as [`Variable::tanh`]. `Kind` tells
/// the two apart and is inferred.
pub trait IntoModule<Kind> {
    /// The module.
    fn into_module(self) -> Box<dyn Module>;
}

/// The kind of what is a module already.
pub struct ByModule;

/// The kind of functions.
pub struct ByFunction;

impl<M: Module + 'static> IntoModule<ByModule> for M {
    fn into_module(self) -> Box<dyn Module> {
        Box::new(self)
    }
}

impl<F: Fn(&Variable) -> Variable + Send + Sync + 'static> IntoModule<ByFunction> for F {
    fn into_module(self) -> Box<dyn Module> {
        Box::new(Activation::new(self))
    }
}

/// Modules one after the other; each is given the result of the one before.
///
/// The parameters are named `l0/W`, `l1/W`, …, as in the book; functions count too.
///
/// ```
/// use dezero::layers::{Linear, Sequential};
/// use dezero::{Array, DType, Layer, Variable};
/// let model = Sequential::new().add(Linear::new(10)).add(Variable::tanh).add(Linear::new(1));
/// let y = model.forward(Array::ones([4, 3], DType::F32));
/// assert_eq!(&y.shape()[..], &[4, 1]);
/// assert_eq!(model.named_params()[2].0, "l2/W");
/// ```
#[derive(Default)]
pub struct Sequential {
    modules: Vec<Box<dyn Module>>,
}

impl Sequential {
    /// No modules yet: returns what it is given.
    pub fn new() -> Sequential {
        Sequential::default()
    }

    /// Appends a module, or a function of a variable.
    #[allow(clippy::should_implement_trait)] // a builder's `add`, not a sum
    #[must_use]
    pub fn add<Kind>(mut self, module: impl IntoModule<Kind>) -> Sequential {
        self.modules.push(module.into_module());
        self
    }

    /// Number of modules.
    pub fn len(&self) -> usize {
        self.modules.len()
    }

    /// Whether there are no modules.
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty()
    }

    /// The modules, in order.
    pub fn modules(&self) -> &[Box<dyn Module>] {
        &self.modules
    }

    /// Applies the modules.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let mut x = x.as_variable();
        for module in &self.modules {
            x = module.forward(&x);
        }
        x
    }
}

impl Layer for Sequential {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        for (i, module) in self.modules.iter().enumerate() {
            visitor.field(&format!("l{i}"), module);
        }
    }
}

impl Module for Sequential {
    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable {
        Sequential::forward(self, x)
    }
}

impl fmt::Debug for Sequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sequential of {} modules", self.modules.len())
    }
}
