//! [`Layer`]: what holds parameters, and the walk over them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use dezero_array::{Array, DType};

use crate::config;
use crate::error::Result;
use crate::graph_picture::{GraphOptions, plot_graph_with};
use crate::parameter::{Buffer, Parameter, State};
use crate::variable::{AsVariable, Variable};
use crate::weights;

/// Something that holds parameters: a parameter, a layer, a whole model.
///
/// Derive it; there is nothing else to register:
///
/// ```
/// use dezero::{Layer, Parameter, Variable};
///
/// #[derive(Layer)]
/// struct Scale {
///     #[layer(name = "W")]
///     w: Parameter,
///     steps: usize,
/// }
///
/// #[derive(Layer)]
/// struct TwoScales {
///     l1: Scale,
///     l2: Scale,
/// }
///
/// let scale = |w: f64| Scale { w: Parameter::new([w]), steps: 1 };
/// let model = TwoScales { l1: scale(2.0), l2: scale(3.0) };
/// let names: Vec<_> = model.named_params().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["l1/W", "l2/W"]);
/// ```
///
/// A field that is neither a layer, a parameter, a buffer, a state nor a plain setting does not
/// compile:
///
/// ```compile_fail,E0277
/// use dezero::{Layer, Parameter};
///
/// struct Forgotten(Parameter);
///
/// #[derive(Layer)]
/// struct Model {
///     scale: Forgotten,
/// }
/// ```
///
/// until it is derived too, or marked `#[layer(skip)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer, a parameter, a buffer or a plain setting",
    label = "parameters in here would not be found",
    note = "derive `Layer` for `{Self}`, or mark the field `#[layer(skip)]` if it holds no parameters"
)]
pub trait Layer {
    /// Shows every parameter, buffer and state to `visitor`, in order of declaration.
    fn visit(&self, visitor: &mut Visitor<'_>);

    /// The parameters with their names, in order of declaration; one that is met twice (shared
    /// weights) has its first name.
    fn named_params(&self) -> Vec<(String, Parameter)> {
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        self.visit(&mut Visitor::new(&mut |name, leaf| {
            if let Leaf::Parameter(parameter) = leaf
                && seen.insert(parameter.key())
            {
                found.push((name.to_owned(), parameter.clone()));
            }
        }));
        found
    }

    /// The parameters, in order of declaration.
    fn params(&self) -> Vec<Parameter> {
        let named = self.named_params().into_iter();
        named.map(|(_, parameter)| parameter).collect()
    }

    /// The buffers with their names, in order of declaration.
    fn named_buffers(&self) -> Vec<(String, Buffer)> {
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        self.visit(&mut Visitor::new(&mut |name, leaf| {
            if let Leaf::Buffer(buffer) = leaf
                && seen.insert(buffer.key())
            {
                found.push((name.to_owned(), buffer.clone()));
            }
        }));
        found
    }

    /// Number of trained numbers, without parameters that have no value yet.
    fn num_params(&self) -> usize {
        let params = self.params();
        let sizes = params.iter().filter_map(Parameter::get).map(Variable::size);
        sizes.sum()
    }

    /// Forgets the gradients of all parameters (`cleargrads` of the book).
    fn clear_grads(&self) {
        self.visit(&mut Visitor::new(&mut |_, leaf| {
            if let Leaf::Parameter(parameter) = leaf
                && let Some(variable) = parameter.get()
            {
                variable.clear_grad();
            }
        }));
    }

    /// Empties the states of recurrent layers.
    fn reset_state(&self) {
        self.visit(&mut Visitor::new(&mut |_, leaf| {
            if let Leaf::State(state) = leaf {
                state.reset();
            }
        }));
    }

    /// Cuts the states of recurrent layers from the graph that computed them: what comes later is
    /// not differentiated past this point (truncated backpropagation through time). Where the loss
    /// depends on the states, [`Variable::unchain_backward`] of the loss does the same.
    fn detach_state(&self) {
        self.visit(&mut Visitor::new(&mut |_, leaf| {
            if let Leaf::State(state) = leaf
                && let Some(x) = state.get()
            {
                state.set(x.detach());
            }
        }));
    }

    /// Converts all parameters and buffers of a floating-point type to `dtype`; gradients and
    /// states are forgotten.
    ///
    /// # Panics
    /// If `dtype` is not a floating-point type.
    #[track_caller]
    fn to_dtype(&self, dtype: DType) {
        if !dtype.is_float() {
            panic!("to_dtype: parameters are floats, not {dtype}");
        }
        self.visit(&mut Visitor::new(&mut |_, leaf| match leaf {
            Leaf::Parameter(parameter) => parameter.to_dtype(dtype),
            Leaf::Buffer(buffer) if buffer.dtype().is_float() => buffer.to_dtype(dtype),
            Leaf::Buffer(_) => {}
            Leaf::State(state) => state.reset(),
        }));
    }

    /// All parameters and buffers by name, as a file of weights holds them.
    ///
    /// # Panics
    /// If one of them has no value yet.
    #[track_caller]
    fn weights(&self) -> Vec<(String, Array)> {
        weights::collect(&weights::slots(|visitor| self.visit(visitor)))
    }

    /// Takes over the parameters and buffers of `other`, a layer of the same structure.
    ///
    /// # Panics
    /// If names or shapes differ.
    #[track_caller]
    fn copy_weights(&self, other: &dyn Layer) {
        let slots = weights::slots(|visitor| self.visit(visitor));
        let mismatch = match weights::plan(&slots, other.weights()) {
            Ok(plan) => return plan.carry_out(),
            Err(mismatch) => mismatch,
        };
        panic!("copy_weights: {mismatch}");
    }

    /// Writes all parameters and buffers to an `.npz` or a `.safetensors` file, by the extension.
    ///
    /// A save is atomic: a process killed at any moment leaves the old file or the new one.
    ///
    /// ```
    /// use dezero::{Layer, Parameter};
    /// # let folder = std::env::temp_dir().join(format!("dezero-save-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("model.npz");
    /// let model = (Parameter::new([1.0, 2.0]), Parameter::new(3.0));
    /// model.save_weights(&path)?; // numpy.load(path)["0"]
    /// let other = (Parameter::new([0.0, 0.0]), Parameter::new(0.0));
    /// other.load_weights(&path)?;
    /// assert_eq!(other.0.data().to_vec::<f64>(), [1.0, 2.0]);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), dezero::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be written, or its name ends otherwise.
    ///
    /// # Panics
    /// If a parameter has no value yet.
    #[track_caller]
    fn save_weights(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        weights::write(path.as_ref(), &self.weights())
    }

    /// Reads all parameters and buffers from an `.npz` or a `.safetensors` file, converting them
    /// to the types that the layer has. Parameters without a value take their shape from the file.
    ///
    /// # Errors
    /// If the file cannot be read, is broken, or does not fit: another shape, a missing or an
    /// additional name. The layer is then as it was.
    fn load_weights(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        let path = path.as_ref();
        weights::assign(self, weights::read(path)?, path)
    }
}

/// A layer that maps one variable to one variable: what [`Sequential`](super::Sequential) chains.
pub trait Module: Layer + Send + Sync {
    /// Applies the layer.
    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable;

    /// Writes a picture of the graph of `forward(x)`, with the parameters' names and all shapes
    /// (`Model.plot` of the book); see [`plot_graph`](crate::plot_graph).
    ///
    /// For a model that is not a `Module`, draw its result:
    /// `plot_graph_with(&y, path, &GraphOptions::new().verbose(true).params_of(&model))`.
    ///
    /// ```
    /// use dezero::models::Mlp;
    /// use dezero::{Array, DType, Module};
    /// # let folder = std::env::temp_dir().join(format!("dezero-plot-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("model.svg");
    /// Mlp::new([10, 3]).plot(Array::ones([1, 2], DType::F32), &path)?;
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), dezero::Error>(())
    /// ```
    ///
    /// # Errors
    /// As `plot_graph`.
    #[track_caller]
    fn plot(&self, x: impl AsVariable, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        // A leaf of its own: the picture shows the data too, and the caller's variable stays as it is.
        let x = Variable::named(x.as_variable().data(), "x");
        let y = config::recording(true, || self.forward(&x));
        y.set_name("y");
        let options = GraphOptions::new().verbose(true).params_of(self);
        plot_graph_with(&y, path, &options)
    }
}

/// Makes layers chainable whose own `forward` takes anything that is a variable.
macro_rules! module {
    ($($Layer:ident),*) => {$(
        impl Module for $Layer {
            #[track_caller]
            fn forward(&self, x: &Variable) -> Variable {
                $Layer::forward(self, x)
            }
        }
    )*};
}
pub(super) use module;

/// What a [`Visitor`] is shown.
#[derive(Clone, Copy, Debug)]
pub enum Leaf<'a> {
    /// Trained and saved.
    Parameter(&'a Parameter),
    /// Saved, not trained.
    Buffer(&'a Buffer),
    /// Neither.
    State(&'a State),
}

/// Walks over a layer and keeps track of the path.
pub struct Visitor<'a> {
    path: String,
    see: &'a mut dyn FnMut(&str, Leaf<'_>),
}

impl<'a> Visitor<'a> {
    /// A visitor that calls `see` with the path and the value of each leaf.
    pub fn new(see: &'a mut dyn FnMut(&str, Leaf<'_>)) -> Visitor<'a> {
        Visitor {
            path: String::new(),
            see,
        }
    }

    /// Visits what a layer holds under `name`; an empty name adds nothing to the path. For layers
    /// that are not derived.
    pub fn field(&mut self, name: &str, field: &(impl LayerField + ?Sized)) {
        field.visit_field(name, self);
    }

    fn leaf(&mut self, leaf: Leaf<'_>) {
        (self.see)(&self.path, leaf);
    }

    fn under(&mut self, name: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if length > 0 && !name.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(name);
        visit(self);
        self.path.truncate(length);
    }
}

/// What a field of a layer may be: a [`Layer`] or a plain setting, which holds no parameters.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a layer: it is neither a layer, a parameter, a buffer nor a plain setting",
    label = "parameters in here would not be found",
    note = "derive `Layer` for `{Self}`, or mark the field `#[layer(skip)]` if it holds no parameters"
)]
pub trait LayerField {
    /// Visits the field under its name.
    fn visit_field(&self, name: &str, visitor: &mut Visitor<'_>);
}

impl<L: Layer + ?Sized> LayerField for L {
    fn visit_field(&self, name: &str, visitor: &mut Visitor<'_>) {
        visitor.under(name, |visitor| self.visit(visitor));
    }
}

macro_rules! settings {
    ($($t:ty),* $(,)?) => {
        settings!(@each $($t,)* $(Vec<$t>, Option<$t>, ($t, $t), ($t, $t, $t),)*);
        $(impl<const N: usize> LayerField for [$t; N] {
            fn visit_field(&self, _: &str, _: &mut Visitor<'_>) {}
        })*
    };
    (@each $($t:ty,)*) => {
        $(impl LayerField for $t {
            fn visit_field(&self, _: &str, _: &mut Visitor<'_>) {}
        })*
    };
}
settings!(
    bool,
    char,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    isize,
    usize,
    f32,
    f64,
    String,
    &'static str,
    DType,
    dezero_array::Device,
    dezero_array::Shape,
    std::path::PathBuf,
    std::time::Duration,
    fn(&Variable) -> Variable,
);

impl<T> LayerField for std::marker::PhantomData<T> {
    fn visit_field(&self, _: &str, _: &mut Visitor<'_>) {}
}

impl Layer for Parameter {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.leaf(Leaf::Parameter(self));
    }
}

impl Layer for Buffer {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.leaf(Leaf::Buffer(self));
    }
}

impl Layer for State {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.leaf(Leaf::State(self));
    }
}

impl Layer for () {
    fn visit(&self, _: &mut Visitor<'_>) {}
}

macro_rules! through_pointer {
    ($($Pointer:ident),*) => {$(
        impl<L: Layer + ?Sized> Layer for $Pointer<L> {
            fn visit(&self, visitor: &mut Visitor<'_>) {
                (**self).visit(visitor);
            }
        }

        impl<M: Module + ?Sized> Module for $Pointer<M> {
            #[track_caller]
            fn forward(&self, x: &Variable) -> Variable {
                (**self).forward(x)
            }
        }
    )*};
}
through_pointer!(Box, Arc);

impl<L: Layer + ?Sized> Layer for &L {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        (**self).visit(visitor);
    }
}

impl<L: Layer> Layer for Option<L> {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        if let Some(layer) = self {
            layer.visit(visitor);
        }
    }
}

/// Layers in a row are named by their number: `blocks/0/W`.
impl<L: Layer> Layer for [L] {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        for (i, layer) in self.iter().enumerate() {
            visitor.under(&i.to_string(), |visitor| layer.visit(visitor));
        }
    }
}

impl<L: Layer> Layer for Vec<L> {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        self.as_slice().visit(visitor);
    }
}

impl<L: Layer, const N: usize> Layer for [L; N] {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        self.as_slice().visit(visitor);
    }
}

macro_rules! tuple {
    ($($L:ident $i:tt),*) => {
        impl<$($L: Layer),*> Layer for ($($L,)*) {
            fn visit(&self, visitor: &mut Visitor<'_>) {
                $(visitor.under(stringify!($i), |visitor| self.$i.visit(visitor));)*
            }
        }
    };
}
tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
