//! The graph: order, accumulation, what is kept alive, what is released.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use dezero::{
    Array, Backward, BackwardOptions, Function, Gradients, Keep, Outputs, Variable, apply,
    detect_anomaly, enable_grad, grad, grad_with, no_grad,
};

fn panic_message(body: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(body)).expect_err("should panic");
    payload
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| {
            payload
                .downcast_ref::<&str>()
                .expect("a message")
                .to_string()
        })
}

#[test]
fn gradients_add_up_where_a_variable_is_used_more_than_once() {
    let x = Variable::new(3.0);
    let y = &x + &x + &x;
    y.backward();
    assert_eq!(x.grad().unwrap().item(), 3.0);
}

#[test]
fn a_diamond_is_visited_in_the_right_order() {
    // The book's step 16: a = x², y = a² + a².
    let x = Variable::new(2.0);
    let a = x.pow(2);
    let y = a.pow(2) + a.pow(2);
    y.backward();
    assert_eq!((y.item(), x.grad().unwrap().item()), (32.0, 64.0));
    assert_eq!(y.generation(), 3);
}

#[test]
fn a_deep_ladder_takes_one_visit_a_node() {
    // 60 doublings: a traversal that walked paths instead of nodes would never end.
    let x = Variable::new(1.0);
    let mut y = x.clone();
    for _ in 0..60 {
        y = &y + &y;
    }
    y.backward();
    assert_eq!(x.grad().unwrap().item(), 2f64.powi(60));
}

#[test]
fn backward_again_accumulates_at_leaves() {
    let x = Variable::new(2.0);
    let y = x.pow(2);
    y.backward();
    y.backward();
    assert_eq!(x.grad().unwrap().item(), 8.0);
    x.clear_grad();
    y.backward();
    assert_eq!(x.grad().unwrap().item(), 4.0);
}

#[test]
fn accumulation_never_changes_a_gradient_that_somebody_holds() {
    let x = Variable::new([1.0, 2.0, 3.0]);
    let y = &x * 2.0;
    y.backward();
    let first = x.grad().unwrap();
    y.backward();
    assert_eq!(first.data().to_vec::<f64>(), [2.0; 3]);
    assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [4.0; 3]);
}

#[test]
fn a_gradient_that_somebody_holds_is_not_computed_with_in_place() {
    let x = Variable::new([1.0, 2.0]);
    let t = &x * 2.0;
    let y = &t * 3.0 / 4.0;
    let seed = Variable::constant([1.0, 10.0]);
    y.backward_with(BackwardOptions::new().seed(&seed).retain_grad(true));
    assert_eq!(seed.data().to_vec::<f64>(), [1.0, 10.0]);
    assert_eq!(t.grad().unwrap().data().to_vec::<f64>(), [0.75, 7.5]);
    assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [1.5, 15.0]);
    // The variable is given away, the array is not.
    let array = Array::new([1.0, 10.0]);
    y.backward_with(BackwardOptions::new().seed(array.clone()));
    assert_eq!(array.to_vec::<f64>(), [1.0, 10.0]);
}

#[test]
fn two_leaves_never_share_one_gradient_buffer() {
    // add hands the same gradient to both inputs.
    let (a, b) = (Variable::new([1.0, 2.0]), Variable::new([3.0, 4.0]));
    let y = &a + &b;
    y.backward();
    let z = &a * 10.0;
    z.backward();
    assert_eq!(a.grad().unwrap().data().to_vec::<f64>(), [11.0, 11.0]);
    assert_eq!(b.grad().unwrap().data().to_vec::<f64>(), [1.0, 1.0]);
}

#[test]
fn intermediate_gradients_stay_only_when_asked_for() {
    let x = Variable::new(2.0);
    let t = x.pow(2);
    let y = &t * 3.0;
    y.backward();
    assert!(t.grad().is_none() && y.grad().is_none());
    y.backward_with(BackwardOptions::new().retain_grad(true));
    assert_eq!(t.grad().unwrap().item(), 3.0);
    assert_eq!(y.grad().unwrap().item(), 1.0);
}

#[test]
fn grad_finds_intermediate_variables_and_leaves_alone_what_is_stored() {
    let x = Variable::new(2.0);
    let t = x.pow(2);
    let y = t.pow(3);
    let gxs = grad(&[&y], &[&t, &x, &y], false);
    assert_eq!(
        gxs.iter().map(Variable::item).collect::<Vec<_>>(),
        [48.0, 192.0, 1.0]
    );
    assert!(x.grad().is_none());
}

#[test]
fn grad_tells_independence_apart_from_zero() {
    let (x, z) = (Variable::new(2.0), Variable::new(5.0));
    let y = &x * 0.0;
    let gxs = grad_with(&[&y], &[&x, &z], None, false);
    assert_eq!(gxs[0].as_ref().unwrap().item(), 0.0);
    assert!(gxs[1].is_none());
    let message = panic_message(|| drop(grad(&[&y], &[&z], false)));
    assert!(message.contains("xs[0]"), "{message}");
}

#[test]
fn derivatives_of_derivatives() {
    // x⁶: six derivatives, then zero.
    let x = Variable::new(1.0);
    let mut y = x.pow(6);
    for expected in [6.0, 30.0, 120.0, 360.0, 720.0, 720.0] {
        y = grad(&[&y], &[&x], true).remove(0);
        assert_eq!(y.item(), expected);
    }
}

#[test]
fn double_backprop_of_the_book() {
    let x = Variable::new(2.0);
    let y = x.pow(2);
    y.backward_with(BackwardOptions::new().create_graph(true));
    let gx = x.grad().unwrap();
    x.clear_grad();
    let z = gx.pow(3) + y;
    z.backward();
    assert_eq!(x.grad().unwrap().item(), 100.0);
}

#[test]
fn a_seed_weighs_the_result() {
    let x = Variable::new([1.0, 2.0]);
    let y = &x * &x;
    y.backward_with(BackwardOptions::new().seed(Variable::constant([1.0, 10.0])));
    assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [2.0, 40.0]);
    let wrong = BackwardOptions::new().seed(Variable::constant(1.0));
    let message = panic_message(|| y.backward_with(wrong));
    assert!(
        message.contains("[2]") && message.contains("[]"),
        "{message}"
    );
}

#[test]
fn integers_differentiate_through_arithmetic() {
    let x = Variable::new([1, 2, 3]);
    let y = (&x * 2 + 1).sum();
    y.backward();
    assert_eq!(x.grad().unwrap().data().to_vec::<i64>(), [2, 2, 2]);
}

#[test]
fn constants_and_no_grad_record_nothing() {
    let c = Variable::constant(2.0);
    assert!(!(&c * 3.0).requires_grad());
    let x = Variable::new(2.0);
    let y = no_grad(|| x.pow(2));
    assert!(!y.requires_grad() && y.creator().is_none());
    assert!(no_grad(|| enable_grad(|| x.pow(2))).requires_grad());
    let message = panic_message(|| y.backward());
    assert!(message.contains("no_grad"), "{message}");
}

#[test]
fn no_grad_ends_after_a_panic() {
    let _ = catch_unwind(|| no_grad(|| panic!("inside")));
    assert!(dezero::is_recording());
}

/// Counts how often it is alive and which gradients its backward is asked for.
struct Spy {
    alive: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<(bool, bool)>>>,
}

impl Spy {
    fn new(alive: &Arc<AtomicUsize>, asked: &Arc<Mutex<Vec<(bool, bool)>>>) -> Spy {
        alive.fetch_add(1, Ordering::SeqCst);
        Spy {
            alive: alive.clone(),
            asked: asked.clone(),
        }
    }
}

impl Drop for Spy {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Function for Spy {
    fn name(&self) -> &'static str {
        "spy"
    }
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [&xs[0] * &xs[1]].into()
    }
    fn keeps(&self, _: &[bool]) -> Keep {
        Keep::INPUTS.and(Keep::OUTPUTS)
    }
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        self.asked
            .lock()
            .unwrap()
            .push((context.needs_grad(0), context.needs_grad(1)));
        let gy = context.gy(0);
        [&gy * context.input(1), &gy * context.input(0)].into()
    }
}

#[test]
fn no_gradient_is_computed_that_nobody_asked_for() {
    let (alive, asked) = (Arc::default(), Arc::default());
    let (x, w, c) = (
        Variable::new(2.0),
        Variable::new(3.0),
        Variable::constant(4.0),
    );
    let y = apply(Spy::new(&alive, &asked), &[&x, &w]).remove(0);
    drop(grad(&[&y], &[&w], false));
    y.backward();
    apply(Spy::new(&alive, &asked), &[&c, &w])[0].backward();
    assert_eq!(
        *asked.lock().unwrap(),
        [(false, true), (true, true), (false, true)]
    );
}

#[test]
fn nothing_leaks_not_even_with_create_graph() {
    let (alive, asked) = (Arc::default(), Arc::default());
    for _ in 0..3 {
        let (x, w) = (Variable::new(2.0), Variable::new(3.0));
        let y = apply(Spy::new(&alive, &asked), &[&x, &w]).remove(0);
        let z = apply(Spy::new(&alive, &asked), &[&y, &y]).remove(0);
        // The gradients, stored at x, w, y and z, have graphs that reach back to them.
        z.backward_with(BackwardOptions::new().create_graph(true).retain_grad(true));
        let gz = z.grad().unwrap() * x.grad().unwrap() * y.grad().unwrap();
        gz.backward_with(BackwardOptions::new().create_graph(true).retain_grad(true));
        assert_eq!(alive.load(Ordering::SeqCst), 2);
    }
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_node_keeps_only_what_its_backward_reads() {
    let x = Variable::new([1.0, 2.0, 3.0, 4.0]);
    // A write in place, and not to a copy, shows that nobody else holds the elements.
    let is_released = |f: &dyn Fn(&Variable) -> Variable| {
        let t = &x + 1.0;
        let _y = f(&t);
        let mut data = t.data();
        drop(t);
        let before = data.as_slice::<f64>().unwrap().as_ptr();
        data.as_mut_slice::<f64>().as_ptr() == before
    };
    assert!(is_released(&|t| t + 1.0));
    assert!(is_released(&|t| t * 3.0));
    assert!(is_released(&|t| t + t));
    assert!(is_released(&|t| t.sum()));
    assert!(!is_released(&|t| t * t));
}

#[test]
fn a_chain_of_a_million_neither_overflows_nor_slows_down() {
    let handle = std::thread::Builder::new().stack_size(256 << 10).spawn(|| {
        let x = Variable::new(1.0);
        let mut y = x.clone();
        for _ in 0..1_000_000 {
            y = y + 1.0;
        }
        y.backward();
        assert_eq!((y.item(), x.grad().unwrap().item()), (1_000_001.0, 1.0));
        assert_eq!(y.generation(), 1_000_000);
        let gx = grad(&[&y], &[&x], true).remove(0);
        assert_eq!(gx.item(), 1.0);
    });
    handle.unwrap().join().unwrap();
}

#[test]
fn a_chain_that_keeps_values_drops_without_recursion() {
    let handle = std::thread::Builder::new().stack_size(256 << 10).spawn(|| {
        let x = Variable::new(1.0);
        let mut y = &x * &x;
        for _ in 0..100_000 {
            y = &y * &x;
        }
        y.backward_with(BackwardOptions::new().create_graph(true));
        let gx = x.grad().unwrap();
        drop(y);
        assert_eq!(gx.item(), 100_002.0);
    });
    handle.unwrap().join().unwrap();
}

/// Owns a variable besides its input.
struct Owner(#[allow(dead_code)] Variable);

impl Function for Owner {
    fn name(&self) -> &'static str {
        "owner"
    }

    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [xs[0].clone()].into()
    }

    fn backward(&self, context: &Backward<'_>) -> Gradients {
        context.gy(0).into()
    }
}

#[test]
fn what_owns_variables_drops_without_recursion() {
    let handle = std::thread::Builder::new().stack_size(256 << 10).spawn(|| {
        let x = Variable::new(1.0);
        let (mut y, mut z, mut kept) = (x.clone(), x.clone(), x.clone());
        for _ in 0..100_000 {
            kept.live_with_graph();
            kept = &kept + 1.0;
            let before = y.clone();
            y = &y + 1.0;
            y.register_hook(move |gy| (gy.item() > before.item()).then(|| gy.clone()));
            z = apply(Owner(z.clone()), &[&z]).remove(0);
        }
        drop((y, z, kept));
        assert_eq!(x.handles(), 1);
    });
    handle.unwrap().join().unwrap();
}

#[test]
fn variables_are_shared_between_threads() {
    let x = Variable::new(3.0);
    let w = Variable::new(2.0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let y = &x * &w;
                    assert_eq!(grad(&[&y], &[&x], false)[0].item(), 2.0);
                }
            });
        }
    });
}

#[test]
fn threads_differentiate_one_graph_at_the_same_time() {
    // A ladder with rungs: every node is met several times, and the walks overwrite each other's
    // notes of where it waits.
    let x = Variable::new(1.0);
    let mut y = x.clone();
    let mut z = &x * 2.0;
    for _ in 0..100 {
        (y, z) = ((&y + &z) * 0.5, (&y - &z) * 0.5 + &y);
    }
    let top = &y + &z;
    let expected = grad(&[&top], &[&x], false)[0].item();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert_eq!(grad(&[&top], &[&x], false)[0].item(), expected);
                }
            });
        }
    });
    for _ in 0..2 {
        top.backward();
    }
    assert_eq!(x.grad().unwrap().item(), 2.0 * expected);
}

#[test]
fn unchain_makes_a_leaf() {
    let x = Variable::new(2.0);
    let t = x.pow(2);
    let y = &t * 3.0;
    t.unchain();
    y.backward();
    assert!(x.grad().is_none());
    assert_eq!(t.grad().unwrap().item(), 3.0);
    assert!(t.creator().is_none());
}

#[test]
fn unchain_backward_releases_the_past() {
    let (alive, asked) = (Arc::default(), Arc::default());
    let x = Variable::new(2.0);
    let w = Variable::new(3.0);
    let h = apply(Spy::new(&alive, &asked), &[&x, &w]).remove(0);
    let loss = &h * 2.0;
    loss.unchain_backward();
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    let later = &h * 5.0;
    later.backward();
    assert!(x.grad().is_none());
    assert_eq!(h.grad().unwrap().item(), 5.0);
}

/// (x0 + x1, x0 - x1, x0 · x1)
struct Three;

impl Function for Three {
    fn name(&self) -> &'static str {
        "three"
    }
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        Outputs::from_vec(vec![&xs[0] + &xs[1], &xs[0] - &xs[1], &xs[0] * &xs[1]])
    }
    fn keeps(&self, _: &[bool]) -> Keep {
        Keep::INPUTS
    }
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let (x0, x1) = (context.input(0), context.input(1));
        let (g0, g1, g2) = (context.gy(0), context.gy(1), context.gy(2));
        [&g0 + &g1 + &g2 * x1, g0 - g1 + g2 * x0].into()
    }
}

#[test]
fn functions_with_several_outputs() {
    let (x0, x1) = (Variable::new([3.0, 1.0]), Variable::new([2.0, 5.0]));
    let ys = apply(Three, &[&x0, &x1]);
    // Only two of three outputs are used.
    let z = &ys[0] * 10.0 + &ys[2];
    z.backward();
    assert_eq!(x0.grad().unwrap().data().to_vec::<f64>(), [12.0, 15.0]);
    assert_eq!(x1.grad().unwrap().data().to_vec::<f64>(), [13.0, 11.0]);
    let checked = dezero::gradient_check(
        |xs| {
            let ys = apply(Three, &[&xs[0], &xs[1]]);
            &ys[1] * &ys[2]
        },
        &[Array::new([3.0, 1.0]), Array::new([2.0, 5.0])],
        3,
    );
    checked.unwrap();
}

#[test]
fn one_output_of_several_can_be_unchained() {
    let (x0, x1) = (Variable::new(3.0), Variable::new(2.0));
    let ys = apply(Three, &[&x0, &x1]);
    ys[0].unchain();
    let z = &ys[0] * &ys[2];
    z.backward();
    assert_eq!(x0.grad().unwrap().item(), 5.0 * 2.0);
    assert_eq!(ys[0].grad().unwrap().item(), 6.0);
}

#[test]
fn hooks_see_and_replace_gradients() {
    let x = Variable::new(2.0);
    let t = x.pow(2);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let handle = t.register_hook(move |gt| {
        log.lock().unwrap().push(gt.item());
        Some(gt * 10.0)
    });
    let y = &t * 3.0;
    drop(t);
    y.backward();
    assert_eq!(*seen.lock().unwrap(), [3.0]);
    assert_eq!(x.grad().unwrap().item(), 120.0);
    handle.remove();
    x.clear_grad();
    y.backward();
    assert_eq!(x.grad().unwrap().item(), 12.0);
    let leaf_hook = x.register_hook(|gx| Some(gx * 0.5));
    x.clear_grad();
    y.backward();
    assert_eq!(x.grad().unwrap().item(), 6.0);
    leaf_hook.remove();
}

struct BadBackward;

impl Function for BadBackward {
    fn name(&self) -> &'static str {
        "bad"
    }
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [xs[0].clone()].into()
    }
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        let _ = context.input(0);
        unreachable!()
    }
}

#[test]
fn a_panic_in_backward_says_where_the_operation_was_recorded() {
    let x = Variable::new(1.0);
    let y = apply(BadBackward, &[&x]).remove(0);
    let line = line!() - 1;
    let message = panic_message(|| y.backward());
    assert!(message.contains("bad: backward reads input 0"), "{message}");
    assert!(message.contains(&format!("graph.rs:{line}:")), "{message}");
}

#[test]
fn anomaly_mode_names_the_operation_and_its_line() {
    let message = panic_message(|| {
        detect_anomaly(|| {
            let x = Variable::new(-1.0);
            drop(x.log());
        });
    });
    assert!(message.contains("forward of log"), "{message}");
    let message = panic_message(|| {
        detect_anomaly(|| {
            let x = Variable::new(0.0);
            let y = x.pow(0.5);
            y.backward();
        });
    });
    assert!(
        message.contains("backward of pow") && message.contains("graph.rs"),
        "{message}"
    );
}

#[test]
fn wrong_shapes_panic_at_the_callers_line() {
    let place = Arc::new(Mutex::new(None));
    let seen = place.clone();
    let old = std::panic::take_hook();
    let this_thread = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == this_thread {
            let location = info.location().unwrap();
            *seen.lock().unwrap() = Some((location.file().to_owned(), location.line()));
        }
    }));
    let (x0, x1) = (Variable::new([1.0, 2.0]), Variable::new([1.0, 2.0, 3.0]));
    let line = line!() + 1;
    let result = catch_unwind(AssertUnwindSafe(|| &x0 + &x1));
    std::panic::set_hook(old);
    let message = result
        .unwrap_err()
        .downcast_ref::<String>()
        .unwrap()
        .clone();
    assert_eq!(message, "add: shapes [2] and [3] do not broadcast");
    assert_eq!(*place.lock().unwrap(), Some((file!().to_owned(), line)));
}

#[test]
fn set_data_keeps_the_past_intact() {
    let x = Variable::new([3.0, 4.0]);
    let y = &x * &x;
    x.set_data([10.0, 20.0]);
    y.backward();
    assert_eq!(x.grad().unwrap().data().to_vec::<f64>(), [6.0, 8.0]);
    let message = panic_message(|| x.set_data([1.0, 2.0, 3.0]));
    assert!(
        message.contains("[2]") && message.contains("[3]"),
        "{message}"
    );
}

#[test]
fn gradients_of_integers_stay_integers() {
    for f in [|x: &Variable| x.pow(3), |x: &Variable| x.max()] {
        let x = Variable::new(Array::new([1, 2, 3]));
        f(&x).backward();
        assert_eq!(x.grad().unwrap().dtype(), dezero::DType::I64);
    }
}

#[test]
fn an_operand_given_away_gives_its_place_only_where_nobody_sees_it() {
    let gradient = |x: &Variable, y: &Variable| grad(&[y], &[x], false).remove(0).item();
    let x = Variable::new(3.0);

    let (a, held) = {
        let a = &x * 2.0;
        (a.clone(), a)
    };
    let y = a + 1.0;
    assert_eq!((held.item(), y.item(), gradient(&x, &y)), (6.0, 7.0, 2.0));
    assert_eq!(gradient(&held, &y), 1.0);

    let a = &x * 2.0;
    let weak = a.downgrade();
    let y = a * &x; // the weak handle is of `a`, not of what takes its place
    assert!(weak.upgrade().is_none());
    assert_eq!((y.item(), gradient(&x, &y)), (18.0, 12.0));

    // Whichever operand is given, they stay in their order.
    let y = (&x * 2.0) - (&x * 5.0);
    assert_eq!((y.item(), gradient(&x, &y)), (-9.0, -3.0));
    let y = &x / (&x * &x);
    assert_eq!((y.item(), gradient(&x, &y)), (1.0 / 3.0, -1.0 / 9.0));
    let y = 1.0 - (&x * &x) / &x;
    assert_eq!((y.item(), gradient(&x, &y)), (-2.0, -1.0));

    // A constant takes the result of a recorded operation; a recorded one that of an unrecorded one does not.
    let y = Variable::constant(2.0) * &x;
    assert_eq!((y.item(), gradient(&x, &y)), (6.0, 2.0));
    let a = &x * 2.0;
    let y = no_grad(|| a + 1.0);
    assert!(!y.requires_grad());

    // The creator of an operand that was given away does not take the result for its own.
    let y = (&x * 2.0) * 5.0;
    y.backward_with(BackwardOptions::new().retain_grad(true));
    assert_eq!(y.grad().unwrap().item(), 1.0);
    let origin = &y.creator().unwrap().inputs()[0];
    assert!(origin.variable.is_none());
    assert_eq!(origin.creator.as_ref().unwrap().name(), "mul");
    assert_eq!(x.grad().unwrap().item(), 10.0);

    // Shapes that broadcast, and higher orders.
    let y = (&x * Array::new([1.0, 2.0])) * (&x * &x);
    let gx = grad(&[&y.sum()], &[&x], true).remove(0);
    assert_eq!((gx.item(), gradient(&x, &gx)), (81.0, 54.0));
}

#[test]
fn products_and_powers_leave_a_gradient_alone_that_somebody_holds() {
    let held = Arc::new(Mutex::new(Vec::new()));
    let x = Variable::new([2.0, 3.0]);
    let (y, z) = (&x * &x, x.pow(3));
    for y in [&y, &z] {
        let held = held.clone();
        y.register_hook(move |gy| {
            held.lock().unwrap().push(gy.clone());
            None
        });
    }
    let seed = Variable::constant([5.0, 7.0]);
    (&y + &z).backward_with(BackwardOptions::new().seed(&seed));
    let values = |x: &Variable| x.data().to_vec::<f64>();
    assert_eq!(values(&x.grad().unwrap()), [80.0, 231.0]);
    assert_eq!(values(&seed), [5.0, 7.0]);
    for gy in held.lock().unwrap().iter() {
        assert_eq!(values(gy), [5.0, 7.0]);
    }
}
