//! [`summary()`]: the layers of a model as a table.

mod tree;

use std::fmt;

use dezero_array::{Array, DType, Shape};
use tree::Tree;

use crate::config;
use crate::layers::{Layer, Leaf, Module, Visitor};
use crate::parameter::{Parameter, State};
use crate::table::{grouped, in_bytes, write_table};
use crate::variable::Variable;
use crate::watch::{self, Event, Pass};

/// The layers of `model`, with the shapes of their results for an input of `shape`, which includes the batch;
/// the numbers in it are zeros of the parameters' type.
///
/// The model is run once, in [`test_mode`](crate::test_mode) and without a graph: weights that have no value
/// yet are drawn as at any first call, states of recurrent layers are put back. What is seen are functions;
/// each belongs to the layer whose parameters it takes. Functions without parameters stand where they were
/// called: between the layers before and after them, inside of what both of these are part of. Dropout does
/// nothing in tests, so it does not show.
///
/// ```
/// use dezero::models::Mlp;
/// use dezero::summary;
/// let summary = summary(&Mlp::new([100, 10]), [32, 784]);
/// assert_eq!(summary.num_params(), 784 * 100 + 100 + 100 * 10 + 10);
/// assert_eq!(&summary.rows()[0].output_shape().unwrap()[..], &[32, 100]);
/// println!("{summary}");
/// ```
///
/// # Panics
/// Where the model does: if it takes inputs of another shape.
#[track_caller]
pub fn summary(model: &impl Module, shape: impl AsRef<[usize]>) -> Summary {
    let params = model.params();
    let dtype = params.first().map_or(DType::F32, Parameter::dtype);
    summary_with(model, Array::zeros(shape, dtype), |x| model.forward(x))
}

/// [`summary()`] for a model that is not a [`Module`], or takes other inputs than floats: `forward` is called
/// with `x`.
///
/// ```
/// use dezero::layers::{Embedding, Linear};
/// use dezero::{Array, Layer, summary_with};
///
/// #[derive(Layer)]
/// struct Tagger {
///     words: Embedding,
///     tags: Linear,
/// }
/// let model = Tagger { words: Embedding::new(1000, 20), tags: Linear::new(5) };
/// let ids = Array::new([[3, 1, 4, 1, 5, 9]]);
/// let summary = summary_with(&model, ids, |x| model.tags.forward(model.words.forward(x)));
/// assert_eq!(summary.rows()[1].path(), "tags");
/// assert_eq!(&summary.rows()[1].output_shape().unwrap()[..], &[1, 6, 5]);
/// ```
///
/// # Panics
/// Where `forward` does.
#[track_caller]
pub fn summary_with<R>(
    model: &(impl Layer + ?Sized),
    x: impl Into<Array>,
    forward: impl FnOnce(&Variable) -> R,
) -> Summary {
    let x = own_memory(x.into());
    let states = Remembered::of(model);
    let input = Variable::constant(x.clone());
    let (_, seen) = config::recording(false, || {
        config::test_mode(|| watch::watching(Some(x.clone()), || forward(&input)))
    });
    drop(states);
    let mut tree = Tree::new(model);
    tree.data
        .extend(seen.input_keys.iter().map(watch::Participant::key));
    tree.data.insert(watch::Participant::of(&input).key());
    let events: Vec<&Event> = seen
        .events
        .iter()
        .filter(|event| event.pass == Pass::Forward && event.depth == 0)
        .collect();
    tree.grow(&events);
    tree.add_unused();
    Summary {
        input: (Shape::from_slice(x.shape()), x.dtype()),
        buffers: model
            .named_buffers()
            .iter()
            .filter_map(|(_, buffer)| buffer.get())
            .map(|b| b.size())
            .sum(),
        param_bytes: tree
            .params
            .iter()
            .map(|(_, param)| param.data().nbytes())
            .sum(),
        rows: tree.rows(),
        depth: usize::MAX,
    }
}

/// The same numbers in memory of their own, also where all are one number that is kept once: the input is
/// recognized by its memory, and results are to take as much as those of other inputs.
fn own_memory(x: Array) -> Array {
    if x.shares_memory(&x) || x.dtype() == DType::Bool {
        return x;
    }
    let zeros = Array::from_vec(vec![0i64; x.size()], x.shape());
    x + zeros
}

/// The states of recurrent layers; dropped, it puts them back.
struct Remembered(Vec<(State, Option<Variable>)>);

impl Remembered {
    fn of(model: &(impl Layer + ?Sized)) -> Remembered {
        let mut states = Vec::new();
        model.visit(&mut Visitor::new(&mut |_, leaf| {
            if let Leaf::State(state) = leaf {
                states.push((state.clone(), state.get()));
            }
        }));
        model.reset_state();
        Remembered(states)
    }
}

impl Drop for Remembered {
    fn drop(&mut self) {
        for (state, remembered) in self.0.drain(..) {
            match remembered {
                Some(x) => state.set(x),
                None => state.reset(),
            }
        }
    }
}

/// A model as a table; made by [`summary()`]. It prints as such.
#[derive(Clone, Debug)]
pub struct Summary {
    rows: Vec<SummaryRow>,
    input: (Shape, DType),
    buffers: usize,
    param_bytes: usize,
    depth: usize,
}

/// A layer, a group of layers, or a function without parameters.
#[derive(Clone, Debug)]
pub struct SummaryRow {
    path: String,
    functions: Vec<&'static str>,
    depth: usize,
    is_group: bool,
    output: Option<(Shape, DType)>,
    calls: usize,
    num_params: usize,
    multiply_adds: u64,
    bytes: usize,
}

impl SummaryRow {
    /// Where in the model it is: `l1`, `blocks/0/conv`. Empty for a function without parameters, and for parameters
    /// of the model itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The functions that were applied, in order, each once.
    pub fn functions(&self) -> &[&'static str] {
        &self.functions
    }

    /// How many layers it lies inside of.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Whether it has layers of its own, which follow. The numbers of a group are the sums of theirs.
    pub fn is_group(&self) -> bool {
        self.is_group
    }

    /// Shape of the result of the first call; `None` where the layer was not used.
    pub fn output_shape(&self) -> Option<&[usize]> {
        self.output.as_ref().map(|(shape, _)| &shape[..])
    }

    /// How often it was called; a recurrent layer is called at each step.
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// Trained numbers; parameters that several layers share count at the first.
    pub fn num_params(&self) -> usize {
        self.num_params
    }

    /// Multiplications, each with an addition, in products of matrices and convolutions of all calls.
    pub fn multiply_adds(&self) -> u64 {
        self.multiply_adds
    }

    /// Bytes of the results of all calls.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Summary {
    /// The rows, in order of first use; layers that were not used come last.
    pub fn rows(&self) -> &[SummaryRow] {
        &self.rows
    }

    fn outermost(&self) -> impl Iterator<Item = &SummaryRow> {
        self.rows.iter().filter(|row| row.depth == 0)
    }

    /// Trained numbers of the model.
    pub fn num_params(&self) -> usize {
        self.outermost().map(SummaryRow::num_params).sum()
    }

    /// Multiplications, each with an addition, of one call.
    pub fn multiply_adds(&self) -> u64 {
        self.outermost().map(SummaryRow::multiply_adds).sum()
    }

    /// Bytes of all results of one call: what a training keeps, at most, beside the parameters.
    pub fn output_bytes(&self) -> usize {
        self.outermost().map(SummaryRow::bytes).sum()
    }

    /// Bytes of the parameters.
    pub fn param_bytes(&self) -> usize {
        self.param_bytes
    }

    /// Prints rows up to this depth only: 1 for the outermost.
    #[must_use]
    pub fn depth(mut self, depth: usize) -> Summary {
        self.depth = depth;
        self
    }
}

fn in_shape(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!(
        "({}{})",
        sizes.join(", "),
        if sizes.len() == 1 { "," } else { "" }
    )
}

fn or_dash(number: u64) -> String {
    if number == 0 {
        String::from("-")
    } else {
        grouped(number)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEAD: [&str; 6] = [
            "layer",
            "functions",
            "output",
            "parameters",
            "multiply-adds",
            "memory",
        ];
        let mut table: Vec<[String; 6]> = vec![HEAD.map(String::from)];
        for row in self.rows.iter().filter(|row| row.depth < self.depth) {
            let name = match row.path.rsplit_once('/') {
                Some((_, name)) => name,
                None if row.path.is_empty() && row.num_params > 0 => "(model)",
                None => &row.path,
            };
            let mut functions = row.functions.join(", ");
            if row.calls > 1 {
                functions += &format!(" × {}", row.calls);
            }
            let output = match &row.output {
                Some((shape, _)) => in_shape(shape),
                None => String::from("not used"),
            };
            table.push([
                format!("{}{name}", "  ".repeat(row.depth)),
                functions,
                output,
                or_dash(row.num_params as u64),
                or_dash(row.multiply_adds),
                if row.bytes == 0 {
                    String::from("-")
                } else {
                    in_bytes(row.bytes)
                },
            ]);
        }
        table.push([
            String::from("total"),
            String::new(),
            String::new(),
            grouped(self.num_params() as u64),
            grouped(self.multiply_adds()),
            in_bytes(self.output_bytes()),
        ]);
        write_table(f, &table, 3)?;
        let (shape, dtype) = &self.input;
        let input_bytes = shape.iter().product::<usize>() * dtype.itemsize();
        write!(
            f,
            "input {} {dtype}, {}",
            in_shape(shape),
            in_bytes(input_bytes)
        )?;
        write!(f, "; parameters {}", in_bytes(self.param_bytes))?;
        if self.buffers > 0 {
            write!(
                f,
                "; buffers of {} numbers, not trained",
                grouped(self.buffers as u64)
            )?;
        }
        writeln!(f)
    }
}
