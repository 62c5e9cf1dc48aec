//! [`summary()`]: the layers of a model as a table.

use std::collections::{HashMap, HashSet};
use std::fmt;

use dezero_array::{Array, DType, Shape};

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

/// A node of the tree of layers, in which functions are leaves.
struct Entry {
    row: SummaryRow,
    children: Vec<usize>,
}

struct Tree {
    params: Vec<(String, Parameter)>,
    /// The layer that a variable is a parameter of, or was computed from the parameters of.
    layer_of: HashMap<usize, String>,
    /// The parameters themselves.
    own: HashSet<usize>,
    /// Variables that depend on the input.
    data: HashSet<usize>,
    entries: Vec<Entry>,
    roots: Vec<usize>,
    by_path: HashMap<String, usize>,
    /// Functions by the layer before them and their name.
    by_place: HashMap<(String, &'static str), usize>,
}

/// The path of the layer that a parameter belongs to.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// What two different layers are both part of.
fn common<'a>(a: &'a str, b: &str) -> &'a str {
    let mut length = 0;
    let parents = parent(a).split('/').zip(parent(b).split('/'));
    for (part, other) in parents {
        if part != other || part.is_empty() {
            break;
        }
        length += part.len() + usize::from(length > 0);
    }
    &a[..length]
}

impl Tree {
    fn new(model: &(impl Layer + ?Sized)) -> Tree {
        let mut params = model.named_params();
        params.retain(|(_, param)| param.get().is_some());
        let layer_of = params
            .iter()
            .map(|(name, param)| (watch::Participant::of(param).key(), parent(name).to_owned()));
        let layer_of: HashMap<usize, String> = layer_of.collect();
        Tree {
            own: layer_of.keys().copied().collect(),
            layer_of,
            params,
            data: HashSet::new(),
            entries: Vec::new(),
            roots: Vec::new(),
            by_path: HashMap::new(),
            by_place: HashMap::new(),
        }
    }

    fn grow(&mut self, events: &[&Event]) {
        let layers: Vec<Option<String>> =
            events.iter().map(|event| self.attribute(event)).collect();
        let mut before = None;
        for (i, event) in events.iter().enumerate() {
            if let Some(path) = &layers[i] {
                let is_call = before != Some(path) || self.is_repeated(path, event.name);
                before = Some(path);
                let entry = self.layer(path);
                self.add(entry, event, is_call);
                continue;
            }
            let place = (before.cloned().unwrap_or_default(), event.name);
            let entry = match self.by_place.get(&place) {
                Some(&entry) => entry,
                None => {
                    let after = layers[i..].iter().flatten().next();
                    let group = match (before, after) {
                        (Some(before), Some(after)) => common(before, after),
                        _ => "",
                    };
                    let entry = self.entry(String::new(), group);
                    self.by_place.insert(place, entry);
                    entry
                }
            };
            self.add(entry, event, true);
        }
    }

    /// The layer that an application belongs to; `None` for a function of the data alone.
    fn attribute(&mut self, event: &Event) -> Option<String> {
        let keys = || event.inputs.iter().map(watch::Participant::key);
        let layers = || keys().filter_map(|key| self.layer_of.get(&key));
        let own = keys().find(|key| self.own.contains(key));
        let layer = match own {
            Some(key) => self.layer_of.get(&key),
            None => layers().next(),
        };
        let layer = layer.cloned();
        let is_weight = |key: usize| self.layer_of.contains_key(&key);
        let is_data = layer.is_none()
            || keys().any(|key| self.data.contains(&key))
            // What one layer makes for another.
            || layers().any(|other| Some(other) != layer.as_ref())
            // A product with an array that is no weight, such as the zeros that a recurrent layer starts from.
            || (event.multiply_adds > 0 && !keys().all(is_weight))
            // Its positions are the data, though no variable.
            || event.name == "embed_id";
        for output in &event.outputs {
            if is_data {
                self.data.insert(output.key());
            } else if let Some(layer) = &layer {
                // Still a parameter, only in another form, such as transposed.
                self.layer_of.insert(output.key(), layer.clone());
            }
        }
        layer
    }

    /// Whether a function that the layer applied before comes again: its next call.
    fn is_repeated(&self, path: &str, name: &str) -> bool {
        let Some(&entry) = self.by_path.get(path) else {
            return false;
        };
        self.entries[entry].row.functions.first() == Some(&name)
    }

    /// The entry of a layer or a group; those around it are made too.
    fn layer(&mut self, path: &str) -> usize {
        if let Some(&entry) = self.by_path.get(path) {
            return entry;
        }
        let group = parent(path).to_owned();
        let entry = self.entry(path.to_owned(), &group);
        self.by_path.insert(path.to_owned(), entry);
        let own = self.params.iter().filter(|(name, _)| parent(name) == path);
        self.entries[entry].row.num_params = own.map(|(_, param)| param.size()).sum();
        entry
    }

    fn entry(&mut self, path: String, group: &str) -> usize {
        let group = (!group.is_empty()).then(|| self.layer(group));
        let depth = group.map_or(0, |group| self.entries[group].row.depth + 1);
        let row = SummaryRow {
            path,
            functions: Vec::new(),
            depth,
            is_group: false,
            output: None,
            calls: 0,
            num_params: 0,
            multiply_adds: 0,
            bytes: 0,
        };
        self.entries.push(Entry {
            row,
            children: Vec::new(),
        });
        let entry = self.entries.len() - 1;
        match group {
            Some(group) => {
                self.entries[group].children.push(entry);
                self.entries[group].row.is_group = true;
            }
            None => self.roots.push(entry),
        }
        entry
    }

    fn add(&mut self, entry: usize, event: &Event, is_call: bool) {
        let row = &mut self.entries[entry].row;
        row.calls += usize::from(is_call);
        row.multiply_adds += event.multiply_adds;
        row.bytes += event.bytes;
        if !row.functions.contains(&event.name) {
            row.functions.push(event.name);
        }
        if row.calls <= 1 {
            row.output = event.output.clone();
        }
    }

    fn add_unused(&mut self) {
        let paths: Vec<String> = self
            .params
            .iter()
            .map(|(name, _)| parent(name).to_owned())
            .collect();
        for path in paths {
            self.layer(&path);
        }
    }

    fn rows(mut self) -> Vec<SummaryRow> {
        let mut rows = Vec::with_capacity(self.entries.len());
        for root in std::mem::take(&mut self.roots) {
            self.push_rows(root, &mut rows);
        }
        rows
    }

    /// Pushes the rows of an entry and of what is inside of it, and sums these up.
    fn push_rows(&self, entry: usize, rows: &mut Vec<SummaryRow>) {
        let Entry { row, children } = &self.entries[entry];
        let place = rows.len();
        rows.push(row.clone());
        for &child in children {
            let at = rows.len();
            self.push_rows(child, rows);
            let child = rows[at].clone();
            let row = &mut rows[place];
            row.num_params += child.num_params;
            row.multiply_adds += child.multiply_adds;
            row.bytes += child.bytes;
            // The result of a group is that of what it does last.
            row.output = child.output.or(row.output.take());
            row.calls = row.calls.max(1);
        }
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
