//! Looking on while functions are applied and differentiated: what [`summary`](crate::summary()) and
//! [`profile`](crate::profile()) are made from. Nobody pays for it who does not ask: [`apply`] reads one
//! switch together with the others.
//!
//! [`apply`]: crate::apply

use std::cell::RefCell;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use dezero_array::{Array, DType, Shape};
use smallvec::SmallVec;

use crate::config;
use crate::function::Function;
use crate::variable::{Inner, Variable};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    Forward,
    Backward,
}

/// A function was applied, or its backward called.
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) pass: Pass,
    /// Since watching began.
    pub(crate) start: Duration,
    pub(crate) duration: Duration,
    /// How many events were under way when it began.
    pub(crate) depth: usize,
    /// Of the results that are no views of inputs.
    pub(crate) bytes: usize,
    pub(crate) multiply_adds: u64,
    /// Shape and type of the (first) result.
    pub(crate) output: Option<(Shape, DType)>,
    /// Who took part; filled only where it was asked for.
    pub(crate) inputs: SmallVec<[Participant; 2]>,
    pub(crate) outputs: SmallVec<[Participant; 1]>,
}

/// A variable, told apart from others without keeping its value. Its address stays taken as long as this
/// lives.
#[derive(Clone)]
pub(crate) struct Participant(Weak<Inner>);

impl Participant {
    pub(crate) fn of(x: &Variable) -> Participant {
        Participant(Arc::downgrade(&x.0))
    }

    pub(crate) fn key(&self) -> usize {
        self.0.as_ptr() as usize
    }
}

struct Watch {
    began: Instant,
    depth: usize,
    identifies: bool,
    events: Vec<Event>,
    /// Participants that were found to hold the input of a model.
    input: Option<Array>,
    input_keys: Vec<Participant>,
}

thread_local! {
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// What was seen.
pub(crate) struct Seen {
    pub(crate) events: Vec<Event>,
    pub(crate) duration: Duration,
    /// Variables that hold the elements of the `input` that was asked for.
    pub(crate) input_keys: Vec<Participant>,
}

/// Runs `body` and watches this thread. With `input`, events tell who took part, and which variables
/// share its elements.
pub(crate) fn watching<R>(input: Option<Array>, body: impl FnOnce() -> R) -> (R, Seen) {
    /// Puts back what was there, also after a panic.
    struct Outer(Option<Watch>);
    impl Drop for Outer {
        fn drop(&mut self) {
            WATCH.set(self.0.take());
        }
    }
    let began = Instant::now();
    let watch = Watch {
        began,
        depth: 0,
        identifies: input.is_some(),
        events: Vec::new(),
        input,
        input_keys: Vec::new(),
    };
    let _outer = Outer(WATCH.replace(Some(watch)));
    let result = config::watched(body);
    let duration = began.elapsed();
    let watch = WATCH.take().expect("put there above");
    let seen = Seen {
        events: watch.events,
        duration,
        input_keys: watch.input_keys,
    };
    (result, seen)
}

/// An event that is under way.
pub(crate) struct Begun {
    start: Instant,
    depth: usize,
}

#[cold]
pub(crate) fn begin() -> Begun {
    let depth = with(|watch| {
        watch.depth += 1;
        watch.depth - 1
    });
    Begun {
        start: Instant::now(),
        depth: depth.unwrap_or(0),
    }
}

/// What is to be said about an application, while inputs and results are at hand.
#[cold]
pub(crate) fn applied(
    begun: &Begun,
    function: &dyn Function,
    inputs: &[&Variable],
    xs: &[Array],
    ys: &[Array],
) -> Event {
    // An array without memory of its own (one element, or one number throughout) shares none with itself.
    let is_new = |y: &&Array| y.shares_memory(y) && !xs.iter().any(|x| x.shares_memory(y));
    let owned = ys.iter().filter(is_new);
    let mut event = Event {
        name: function.name(),
        pass: Pass::Forward,
        start: Duration::ZERO,
        duration: Duration::ZERO,
        depth: begun.depth,
        bytes: owned.map(Array::nbytes).sum(),
        multiply_adds: function.multiply_adds(xs, ys),
        output: ys
            .first()
            .map(|y| (Shape::from_slice(y.shape()), y.dtype())),
        inputs: SmallVec::new(),
        outputs: SmallVec::new(),
    };
    with(|watch| {
        if !watch.identifies {
            return;
        }
        event.inputs = inputs.iter().map(|x| Participant::of(x)).collect();
        for (participant, x) in event.inputs.iter().zip(xs) {
            if watch
                .input
                .as_ref()
                .is_some_and(|input| input.shares_memory(x))
            {
                watch.input_keys.push(participant.clone());
            }
        }
    });
    event
}

/// The application is over.
#[cold]
pub(crate) fn end_forward(begun: Begun, mut event: Event, outputs: &[Variable]) {
    with(|watch| {
        if watch.identifies {
            event.outputs = outputs.iter().map(Participant::of).collect();
        }
        watch.end(begun, event);
    });
}

/// A backward is over, which gave gradients of `bytes` bytes.
#[cold]
pub(crate) fn end_backward(begun: Begun, name: &'static str, gxs: &[Option<Variable>]) {
    let bytes = |gx: &Variable| {
        let gx = gx.data();
        if gx.shares_memory(&gx) {
            gx.nbytes()
        } else {
            0
        }
    };
    let event = Event {
        name,
        pass: Pass::Backward,
        start: Duration::ZERO,
        duration: Duration::ZERO,
        depth: begun.depth,
        bytes: gxs.iter().flatten().map(bytes).sum(),
        multiply_adds: 0,
        output: gxs
            .iter()
            .flatten()
            .next()
            .map(|gx| (gx.shape(), gx.dtype())),
        inputs: SmallVec::new(),
        outputs: SmallVec::new(),
    };
    with(|watch| watch.end(begun, event));
}

impl Watch {
    fn end(&mut self, begun: Begun, mut event: Event) {
        event.start = begun.start.duration_since(self.began);
        event.duration = begun.start.elapsed();
        // Also where a panic was caught on the way, and left events open.
        self.depth = begun.depth;
        self.events.push(event);
    }
}

fn with<R>(look: impl FnOnce(&mut Watch) -> R) -> Option<R> {
    WATCH.with_borrow_mut(|watch| watch.as_mut().map(look))
}
