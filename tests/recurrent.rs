//! Recurrent layers against PyTorch (golden/recurrent.py), step by step and whole sequences; states.

use std::path::PathBuf;

use dezero::layers::{Cell, Gru, Linear, Lstm, LstmCell, Recurrent, Rnn};
use dezero::{Array, DType, Layer, Variable, functions, random};

struct Golden(Vec<(String, Array)>);

impl Golden {
    fn load() -> Golden {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recurrent.npz");
        Golden(dezero::weights::read(path).unwrap())
    }

    fn find(&self, name: &str) -> Option<Array> {
        let entry = self.0.iter().find(|(found, _)| found == name)?;
        Some(entry.1.clone())
    }

    fn get(&self, name: &str) -> Array {
        self.find(name).unwrap_or_else(|| panic!("no {name}"))
    }
}

fn assert_near(found: &Array, expected: &Array, what: &str) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    for (x, y) in found.to_vec::<f64>().iter().zip(expected.to_vec::<f64>()) {
        assert!(
            (x - y).abs() <= 1e-12 * (1.0 + y.abs()),
            "{what}: {x}, expected {y}"
        );
    }
}

/// Gives the layers the weights of a case. PyTorch has two biases; `b_hh` goes into h2h where there
/// is one, and is added to the other otherwise.
fn set_weights<C: Cell>(golden: &Golden, case: &str, model: &Recurrent<C>) {
    for (l, cell) in model.cells().iter().enumerate() {
        let get = |name: &str| golden.get(&format!("{case}/{name}_l{l}"));
        cell.x2h().w().initialize(get("w_ih").transpose());
        cell.h2h().w().initialize(get("w_hh").transpose());
        let bias = cell.x2h().b().unwrap();
        match cell.h2h().b() {
            Some(b) => {
                bias.initialize(get("b_ih"));
                b.initialize(get("b_hh"));
            }
            None => bias.initialize(get("b_ih") + get("b_hh")),
        }
    }
}

fn check<C: Cell>(
    case: &str,
    layers: usize,
    set_c: impl Fn(&C, Array),
    get_c: impl Fn(&C) -> Option<Variable>,
) {
    let golden = Golden::load();
    let get = |name: &str| golden.get(&format!("{case}/{name}"));
    for whole in [false, true] {
        let model = Recurrent::<C>::new(get("w_hh_l0").shape()[1])
            .layers(layers)
            .dtype(DType::F64);
        set_weights(&golden, case, &model);
        if let Some(h) = golden.find(&format!("{case}/h0")) {
            model.cells()[0]
                .h()
                .set(Variable::new(h.reshape(&h.shape()[1..])));
        }
        if let Some(c) = golden.find(&format!("{case}/c0")) {
            set_c(&model.cells()[0], c.reshape(&c.shape()[1..]));
        }
        let x = Variable::new(get("x"));
        let y = if whole {
            model.forward_sequence(&x)
        } else {
            let t = x.len();
            let steps: Vec<Variable> = functions::split(&x, t, 0)
                .into_iter()
                .map(|x| model.forward(x.squeeze_axis(0)))
                .collect();
            functions::stack(&steps.iter().collect::<Vec<_>>(), 0)
        };
        assert_near(&y.data(), &get("y"), "y");
        let last = get("h").to_vec::<f64>();
        let h = model.cells()[layers - 1].h().get().unwrap();
        assert_near(
            &h.flatten().data(),
            &Array::from_slice(&last[last.len() - h.size()..], [h.size()]),
            "h",
        );
        // The cotangents: of y, and of the last states where the case has them.
        let mut loss = (&y * get("gy")).sum();
        for (l, cell) in model.cells().iter().enumerate() {
            for (name, state) in [("gh", cell.h().get()), ("gc", get_c(cell))] {
                let Some(state) = state else { continue };
                let g = get(name).to_vec::<f64>();
                let g = &g[l * state.size()..(l + 1) * state.size()];
                loss = loss + (&state * Array::from_slice(g, &state.shape()[..])).sum();
            }
        }
        model.clear_grads();
        loss.backward();
        assert_near(&x.grad().unwrap().data(), &get("gx"), "gx");
        for (l, cell) in model.cells().iter().enumerate() {
            for (name, found) in [("w_ih", cell.x2h().w()), ("w_hh", cell.h2h().w())] {
                let expected = get(&format!("g{name}_l{l}")).transpose();
                assert_near(&found.grad().unwrap().data(), &expected, name);
            }
            let found = cell.x2h().b().unwrap().grad().unwrap().data();
            assert_near(&found, &get(&format!("gb_ih_l{l}")), "b_ih");
            if let Some(b) = cell.h2h().b() {
                assert_near(
                    &b.grad().unwrap().data(),
                    &get(&format!("gb_hh_l{l}")),
                    "b_hh",
                );
            }
        }
    }
}

#[test]
fn rnn_is_that_of_pytorch() {
    check::<dezero::layers::RnnCell>("rnn", 1, |_, _| (), |_| None);
}

#[test]
fn lstm_is_that_of_pytorch() {
    let set_c = |cell: &LstmCell, c: Array| cell.c().set(Variable::new(c));
    check::<LstmCell>("lstm", 1, set_c, |cell| cell.c().get());
    check::<LstmCell>("lstm_two_layers", 2, set_c, |cell| cell.c().get());
}

#[test]
fn gru_is_that_of_pytorch() {
    check::<dezero::layers::GruCell>("gru", 1, |_, _| (), |_| None);
}

#[test]
fn parameters_have_the_names_of_the_book() {
    let names = |layer: &dyn Layer| -> Vec<String> {
        layer
            .named_params()
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    };
    let rnn = Rnn::new(4).in_size(3);
    assert_eq!(names(&rnn), ["x2h/W", "x2h/b", "h2h/W"]);
    assert_eq!(rnn.num_params(), 3 * 4 + 4 + 4 * 4);
    let lstm = Lstm::new(4).layers(2).in_size(3);
    assert_eq!(names(&lstm)[2..4], ["l0/h2h/W", "l1/x2h/W"]);
    assert_eq!(
        lstm.num_params(),
        3 * 16 + 16 + 4 * 16 + 4 * 16 + 16 + 4 * 16
    );
    assert_eq!(
        Gru::new(4).in_size(3).num_params(),
        3 * 12 + 12 + 4 * 12 + 12
    );
}

#[test]
fn states_stay_until_they_are_reset() {
    random::seed(1);
    let model = Lstm::new(5);
    let x = Array::ones([2, 3], DType::F32);
    let first = model.forward(&x).data();
    assert_ne!(model.forward(&x).data(), first);
    model.reset_state();
    assert_eq!(model.forward(&x).data(), first);
    model.reset_state();
    model.forward(Array::ones([7, 3], DType::F32));
}

#[test]
fn truncation_ends_the_graph_where_it_is_cut() {
    random::seed(1);
    for by_loss in [true, false] {
        let model = Gru::new(5).layers(2);
        let mut generations = Vec::new();
        for _ in 0..6 {
            let mut loss = Variable::constant(0.0f32);
            for _ in 0..4 {
                loss = loss + model.forward(Array::ones([2, 3], DType::F32)).sum();
            }
            generations.push(loss.generation());
            loss.backward();
            if by_loss {
                loss.unchain_backward();
            } else {
                model.detach_state();
            }
        }
        assert!(
            generations[1..].iter().all(|g| *g <= generations[0]),
            "{generations:?}"
        );
    }
}

#[test]
fn second_order_gradients_go_through_time() {
    let model = Lstm::new(2).dtype(DType::F64).in_size(1);
    let f = |xs: &[Variable]| {
        model.reset_state();
        model.forward_sequence(&xs[0])
    };
    let x = Array::new([[[0.5], [-1.0]], [[0.25], [0.75]], [[1.5], [0.1]]]);
    dezero::gradient_check(f, &[x], 2).unwrap();
}

#[test]
fn an_lstm_learns_to_count() {
    // The output is 1 at every third step: memory is needed.
    random::seed(0);
    #[derive(Layer)]
    struct Net {
        rnn: Lstm,
        fc: Linear,
    }
    let model = Net {
        rnn: Lstm::new(8),
        fc: Linear::new(1),
    };
    let mut optimizer = dezero::optimizers::Adam::new(0.05).setup(&model);
    let xs = Array::ones([12, 1, 1], DType::F32);
    let ts: Vec<f32> = (0..12).map(|t| f32::from(u8::from(t % 3 == 2))).collect();
    let ts = Array::from_vec(ts, [12, 1, 1]);
    let mut last = f64::INFINITY;
    for _ in 0..150 {
        model.reset_state();
        let loss =
            functions::mean_squared_error(model.fc.forward(model.rnn.forward_sequence(&xs)), &ts);
        model.clear_grads();
        loss.backward();
        optimizer.update();
        last = loss.item();
    }
    assert!(last < 0.02, "{last}");
}

#[test]
#[should_panic(expected = "Lstm: the state is of a batch of 2, the input of 3")]
fn refuses_another_batch_size() {
    let model = Lstm::new(5);
    model.forward(Array::ones([2, 3], DType::F32));
    model.forward(Array::ones([3, 3], DType::F32));
}

#[test]
#[should_panic(expected = "Gru: the sequence is empty: [0, 2, 3]")]
fn refuses_an_empty_sequence() {
    Gru::new(5).forward_sequence(Array::zeros([0, 2, 3], DType::F32));
}

#[test]
#[should_panic(expected = "Rnn: x must have shape (n, in), got [4]")]
fn refuses_inputs_that_are_no_batch() {
    Rnn::new(5).forward(Array::zeros([4], DType::F32));
}
