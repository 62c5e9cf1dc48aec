//! [`Recurrent`]: networks that remember, by the cells of [`Rnn`], [`Lstm`] and [`Gru`].

use dezero_array::{Array, DType};

use super::{Layer, Linear, Module, Visitor};
use crate::functions::linear::SharedWeight;
use crate::functions::{self, recurrent_sequence::steps};
use crate::parameter::State;
use crate::variable::{AsVariable, Variable};

/// One layer of a recurrent network: from an input and what it remembers to the next hidden state.
pub trait Cell: Layer + Send + Sync {
    /// The name in messages.
    const NAME: &'static str;

    /// A cell of `hidden_size` that remembers nothing yet.
    fn new(hidden_size: usize, dtype: DType) -> Self;

    /// What the input contributes: a fully connected layer.
    fn x2h(&self) -> &Linear;

    /// What the hidden state contributes: a fully connected layer.
    fn h2h(&self) -> &Linear;

    /// The hidden state after the last step, (n, hidden).
    fn h(&self) -> &State;

    /// Makes a step, given what the input contributes; returns the new hidden state.
    #[track_caller]
    fn step(&self, a: &Variable) -> Variable;

    /// Makes all steps of a sequence, given what the inputs contribute, (t, n, …); returns the
    /// hidden states, (t, n, hidden).
    #[track_caller]
    fn sequence(&self, a: &Variable) -> Variable {
        let mut hs = Vec::new();
        for a in steps(a) {
            hs.push(self.step(&a));
        }
        functions::stack(&hs.iter().collect::<Vec<_>>(), 0)
    }
}

/// A recurrent network of one or several layers, whose hidden state stays from call to call.
///
/// [`forward`](Recurrent::forward) makes one step: x (n, in) gives the new hidden state of the last
/// layer, (n, hidden). [`forward_sequence`](Recurrent::forward_sequence) makes all steps of a
/// sequence, with one matrix product for all its inputs. Which network it is, the cell says: see
/// [`Rnn`], [`Lstm`], [`Gru`].
///
/// [`reset_state`](Layer::reset_state) forgets. The graph grows with each step until
/// [`unchain_backward`](Variable::unchain_backward) of the loss, or
/// [`detach_state`](Layer::detach_state), cuts it: truncated backpropagation through time.
///
/// Parameters: `x2h/W` (in, gates · hidden), `x2h/b`, `h2h/W` (hidden, gates · hidden), and for
/// [`Gru`] `h2h/b`; with several layers `l0/x2h/W`, …, `l1/x2h/W`, …. They are drawn at the first
/// call, h2h before x2h.
///
/// ```
/// use dezero::layers::{Linear, Lstm};
/// use dezero::optimizers::Adam;
/// use dezero::{Array, DType, Layer, Variable};
///
/// #[derive(Layer)]
/// struct Net {
///     rnn: Lstm,
///     fc: Linear,
/// }
///
/// let model = Net { rnn: Lstm::new(10), fc: Linear::new(1) };
/// let mut optimizer = Adam::new(0.01).setup(&model);
/// model.reset_state();
/// let mut loss = Variable::constant(0.0f32);
/// for t in 0..20 {
///     let (x, next) = ((t as f32).sin(), (t as f32 + 1.0).sin());
///     let y = model.fc.forward(model.rnn.forward(Array::new([[x]])));
///     loss = loss + (y - next as f64).square().sum();
///     if t % 5 == 4 {
///         model.clear_grads();
///         loss.backward();
///         loss.unchain_backward(); // later steps are not differentiated past this one
///         optimizer.update();
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Recurrent<C> {
    cells: Vec<C>,
    hidden_size: usize,
    dtype: DType,
}

/// The network of the book: h' = tanh(x Wx + b + h Wh).
pub type Rnn = Recurrent<RnnCell>;

/// Long short-term memory: beside h a cell state c, which gates guard:
/// c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c'), where x Wx + b + h Wh holds i, f, g, o, one after
/// the other, in PyTorch's order.
pub type Lstm = Recurrent<LstmCell>;

/// Gated recurrent units: n = tanh(x Wxₙ + bₙ + σ(r) (h Whₙ + b'ₙ)), h' = (1 - σ(z)) n + σ(z) h, with
/// the gates r, z, n one after the other, in PyTorch's order.
pub type Gru = Recurrent<GruCell>;

impl<C: Cell> Recurrent<C> {
    /// A network of one layer, in float32; the input size is found at the first call.
    pub fn new(hidden_size: usize) -> Recurrent<C> {
        let dtype = DType::F32;
        Recurrent {
            cells: vec![C::new(hidden_size, dtype)],
            hidden_size,
            dtype,
        }
    }

    /// Sets the number of layers; each takes the hidden states of the one before.
    ///
    /// # Panics
    /// If `layers` is 0, or weights are drawn already.
    #[track_caller]
    #[must_use]
    pub fn layers(mut self, layers: usize) -> Recurrent<C> {
        if layers == 0 {
            panic!("{}: needs at least one layer", C::NAME);
        }
        self.expect_no_weights("layers");
        let cell = || C::new(self.hidden_size, self.dtype);
        self.cells = (0..layers).map(|_| cell()).collect();
        self
    }

    /// Sets the type of the parameters.
    ///
    /// # Panics
    /// If weights are drawn already, or `dtype` is not a floating-point type.
    #[track_caller]
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Recurrent<C> {
        self.expect_no_weights("dtype");
        self.dtype = dtype;
        self.to_dtype(dtype);
        self
    }

    /// Sets the input size, and draws the weights now. Other settings come before this one.
    #[must_use]
    pub fn in_size(self, in_size: usize) -> Recurrent<C> {
        self.draw_for(in_size);
        self
    }

    /// The layers, with their states.
    pub fn cells(&self) -> &[C] {
        &self.cells
    }

    /// Size of the hidden state.
    pub fn hidden_size(&self) -> usize {
        self.hidden_size
    }

    #[track_caller]
    fn expect_no_weights(&self, setting: &str) {
        if self.cells[0].h2h().w().get().is_some() {
            panic!(
                "{}: set {setting} before in_size, which draws the weights",
                C::NAME
            );
        }
    }

    fn draw_for(&self, in_size: usize) {
        let mut in_size = in_size;
        for cell in &self.cells {
            cell.h2h().draw_for(self.hidden_size);
            cell.x2h().draw_for(in_size);
            in_size = self.hidden_size;
        }
    }

    /// Checks the batch against the states and draws the weights if this is the first call.
    #[track_caller]
    fn prepare(&self, n: usize, in_size: usize) {
        self.draw_for(in_size);
        for cell in &self.cells {
            if let Some(h) = cell.h().shape()
                && h[0] != n
            {
                panic!(
                    "{}: the state is of a batch of {}, the input of {n}; call reset_state before \
                     another batch size",
                    C::NAME,
                    h[0]
                );
            }
        }
    }

    /// One step: x (n, in) to the new hidden state of the last layer, (n, hidden).
    ///
    /// # Panics
    /// If the shape does not fit, or the batch has another size than the state.
    #[track_caller]
    pub fn forward(&self, x: impl AsVariable) -> Variable {
        let mut x = x.as_variable();
        let [n, in_size] = x.shape()[..] else {
            panic!(
                "{}: x must have shape (n, in), got {:?}; forward_sequence takes (t, n, in)",
                C::NAME,
                &x.shape()[..]
            );
        };
        self.prepare(n, in_size);
        for cell in &self.cells {
            x = cell.step(&cell.x2h().forward(&x));
        }
        x
    }

    /// All steps of a sequence: xs (t, n, in) to the hidden states of the last layer after each
    /// step, (t, n, hidden).
    ///
    /// # Panics
    /// If the sequence is empty, the shape does not fit, or the batch has another size than the
    /// state.
    #[track_caller]
    pub fn forward_sequence(&self, xs: impl AsVariable) -> Variable {
        let mut xs = xs.as_variable();
        let [t, n, in_size] = xs.shape()[..] else {
            panic!(
                "{}: a sequence must have shape (t, n, in), got {:?}",
                C::NAME,
                &xs.shape()[..]
            );
        };
        if t == 0 {
            panic!("{}: the sequence is empty: {:?}", C::NAME, [t, n, in_size]);
        }
        self.prepare(n, in_size);
        for cell in &self.cells {
            xs = cell.sequence(&cell.x2h().forward(&xs));
        }
        xs
    }
}

impl<C: Cell> Layer for Recurrent<C> {
    fn visit(&self, visitor: &mut Visitor<'_>) {
        if let [cell] = &self.cells[..] {
            return cell.visit(visitor);
        }
        for (i, cell) in self.cells.iter().enumerate() {
            visitor.field(&format!("l{i}"), cell);
        }
    }
}

impl<C: Cell> Module for Recurrent<C> {
    #[track_caller]
    fn forward(&self, x: &Variable) -> Variable {
        Recurrent::forward(self, x)
    }
}

/// The state, or zeros where there is none yet.
fn or_zeros(state: &State, a: &Variable, hidden_size: usize) -> Variable {
    let shape = a.shape();
    let n = shape[shape.len() - 2];
    state
        .get()
        .unwrap_or_else(|| Variable::constant(Array::zeros([n, hidden_size], a.dtype())))
}

/// What [`Rnn`] is made of.
#[derive(Debug, Layer)]
pub struct RnnCell {
    x2h: Linear,
    h2h: Linear,
    h: State,
    hidden_size: usize,
    #[layer(skip)]
    shared: SharedWeight,
}

impl Cell for RnnCell {
    const NAME: &'static str = "Rnn";

    fn new(hidden_size: usize, dtype: DType) -> RnnCell {
        RnnCell {
            x2h: Linear::new(hidden_size).dtype(dtype),
            h2h: Linear::new(hidden_size).dtype(dtype).bias(false),
            h: State::new(),
            hidden_size,
            shared: SharedWeight::default(),
        }
    }

    fn x2h(&self) -> &Linear {
        &self.x2h
    }

    fn h2h(&self) -> &Linear {
        &self.h2h
    }

    fn h(&self) -> &State {
        &self.h
    }

    #[track_caller]
    fn step(&self, a: &Variable) -> Variable {
        let h = or_zeros(&self.h, a, self.hidden_size);
        let h = (a + self.h2h.forward_shared(&h, &self.shared)).tanh();
        self.h.set(&h);
        h
    }

    #[track_caller]
    fn sequence(&self, a: &Variable) -> Variable {
        let h = or_zeros(&self.h, a, self.hidden_size);
        let (hs, h) = functions::rnn_sequence(a, self.h2h.w(), h);
        self.h.set(h);
        hs
    }
}

/// What [`Lstm`] is made of.
#[derive(Debug, Layer)]
pub struct LstmCell {
    x2h: Linear,
    h2h: Linear,
    h: State,
    c: State,
    hidden_size: usize,
    #[layer(skip)]
    shared: SharedWeight,
}

impl LstmCell {
    /// The cell state after the last step, (n, hidden).
    pub fn c(&self) -> &State {
        &self.c
    }
}

impl Cell for LstmCell {
    const NAME: &'static str = "Lstm";

    fn new(hidden_size: usize, dtype: DType) -> LstmCell {
        LstmCell {
            x2h: Linear::new(4 * hidden_size).dtype(dtype),
            h2h: Linear::new(4 * hidden_size).dtype(dtype).bias(false),
            h: State::new(),
            c: State::new(),
            hidden_size,
            shared: SharedWeight::default(),
        }
    }

    fn x2h(&self) -> &Linear {
        &self.x2h
    }

    fn h2h(&self) -> &Linear {
        &self.h2h
    }

    fn h(&self) -> &State {
        &self.h
    }

    #[track_caller]
    fn step(&self, a: &Variable) -> Variable {
        let h = or_zeros(&self.h, a, self.hidden_size);
        let c = or_zeros(&self.c, a, self.hidden_size);
        let (h, c) = functions::lstm_cell(a, self.h2h.forward_shared(&h, &self.shared), c);
        self.h.set(&h);
        self.c.set(c);
        h
    }

    #[track_caller]
    fn sequence(&self, a: &Variable) -> Variable {
        let h = or_zeros(&self.h, a, self.hidden_size);
        let c = or_zeros(&self.c, a, self.hidden_size);
        let (hs, h, c) = functions::lstm_sequence(a, self.h2h.w(), h, c);
        self.h.set(h);
        self.c.set(c);
        hs
    }
}

/// What [`Gru`] is made of.
#[derive(Debug, Layer)]
pub struct GruCell {
    x2h: Linear,
    h2h: Linear,
    h: State,
    hidden_size: usize,
    #[layer(skip)]
    shared: SharedWeight,
}

impl Cell for GruCell {
    const NAME: &'static str = "Gru";

    fn new(hidden_size: usize, dtype: DType) -> GruCell {
        GruCell {
            x2h: Linear::new(3 * hidden_size).dtype(dtype),
            h2h: Linear::new(3 * hidden_size).dtype(dtype),
            h: State::new(),
            hidden_size,
            shared: SharedWeight::default(),
        }
    }

    fn x2h(&self) -> &Linear {
        &self.x2h
    }

    fn h2h(&self) -> &Linear {
        &self.h2h
    }

    fn h(&self) -> &State {
        &self.h
    }

    #[track_caller]
    fn step(&self, a: &Variable) -> Variable {
        let h = or_zeros(&self.h, a, self.hidden_size);
        let h = functions::gru_cell(a, self.h2h.forward_shared(&h, &self.shared), &h);
        self.h.set(&h);
        h
    }

    #[track_caller]
    fn sequence(&self, a: &Variable) -> Variable {
        let h = or_zeros(&self.h, a, self.hidden_size);
        let b = self.h2h.b().expect("drawn with a bias");
        let (hs, h) = functions::gru_sequence(a, self.h2h.w(), b, h);
        self.h.set(h);
        hs
    }
}
