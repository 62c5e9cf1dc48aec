//! Draws against NumPy's own, to the last bit (`golden/random_state.py` made them), and the panics.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Mutex, PoisonError};

use dezero_array::random::{self, RandomState, State, StateError};

const GOLDEN: &str = include_str!("golden/random_state.txt");

/// Normal draws take a logarithm from the C library. The golden ones come from glibc on x86-64;
/// elsewhere a last bit may differ.
const SAME_LOGARITHM: bool = cfg!(all(
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64"
));

/// FNV-1a over the bytes of the draws, as in the script.
fn fnv(words: impl IntoIterator<Item = u64>) -> u64 {
    words
        .into_iter()
        .flat_map(u64::to_le_bytes)
        .fold(0xcbf2_9ce4_8422_2325, |h, byte| {
            (h ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
}

fn f64_from_bits(hex: &str) -> f64 {
    assert_eq!(hex.len(), 16, "{hex} is not an f64");
    f64::from_bits(u64::from_str_radix(hex, 16).unwrap())
}

fn f32_from_bits(hex: &str) -> f32 {
    assert_eq!(hex.len(), 8, "{hex} is not an f32");
    f32::from_bits(u32::from_str_radix(hex, 16).unwrap())
}

fn hash_of(x: &[f64]) -> u64 {
    fnv(x.iter().map(|x| x.to_bits()))
}

/// What a line of the golden file expects.
struct Expected<'a> {
    line: &'a str,
    values: Vec<&'a str>,
}

impl Expected<'_> {
    fn uniform(&self, drawn: &[f64]) {
        let expected: Vec<f64> = self.values.iter().map(|x| f64_from_bits(x)).collect();
        assert_eq!(drawn, expected, "{}", self.line);
    }

    fn gaussian(&self, drawn: &[f64]) {
        if SAME_LOGARITHM {
            return self.uniform(drawn);
        }
        assert_eq!(drawn.len(), self.values.len(), "{}", self.line);
        for (x, expected) in drawn.iter().zip(&self.values) {
            let expected = f64_from_bits(expected);
            assert!(
                (x - expected).abs() <= 1e-15 * (1.0 + expected.abs()),
                "{}",
                self.line
            );
        }
    }

    fn f32s(&self, drawn: &[f32]) {
        let expected: Vec<f32> = self.values.iter().map(|x| f32_from_bits(x)).collect();
        assert_eq!(drawn, expected, "{}", self.line);
    }

    fn integers(&self, drawn: &[i64]) {
        let expected: Vec<i64> = self.values.iter().map(|x| x.parse().unwrap()).collect();
        assert_eq!(drawn, expected, "{}", self.line);
    }

    fn hash(&self, hash: u64) {
        assert_eq!(format!("{hash:016x}"), self.values[0], "{}", self.line);
    }
}

/// Repeats the golden file. `bulk` draws many numbers by one call, and otherwise by one call each.
fn repeat_golden(bulk: bool) {
    let mut rng = RandomState::new(0);
    let mut lines = 0;
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let (left, right) = line.split_once(':').unwrap();
        let mut words = left.split_whitespace();
        let name = words.next().unwrap();
        let args: Vec<&str> = words.collect();
        let int = |i: usize| args[i].parse::<i64>().unwrap();
        let size = |i: usize| args[i].parse::<usize>().unwrap();
        let float = |i: usize| args[i].parse::<f64>().unwrap();
        let expected = Expected {
            line,
            values: right.split_whitespace().collect(),
        };

        let mut rand = |n: usize| match bulk {
            true => rng.rand(n),
            false => (0..n).map(|_| rng.random_sample()).collect(),
        };
        match name {
            "rand" => expected.uniform(&rand(size(0))),
            "rand_hash" => expected.hash(hash_of(&rand(size(0)))),
            "uniform" => expected.uniform(&match bulk {
                true => {
                    let mut x = vec![0.0; size(2)];
                    rng.fill_uniform(&mut x, float(0), float(1));
                    x
                }
                false => (0..size(2))
                    .map(|_| rng.uniform(float(0), float(1)))
                    .collect(),
            }),
            "random_sample" => expected.uniform(&[rng.random_sample()]),
            "rand_f32" => {
                let mut x = vec![0.0_f32; size(0)];
                rng.fill_random_sample(&mut x);
                expected.f32s(&x);
            }
            "standard_normal" => expected.gaussian(&[rng.standard_normal()]),
            "randn" | "randn_hash" => {
                let x: Vec<f64> = match bulk {
                    true => rng.randn(size(0)),
                    false => (0..size(0)).map(|_| rng.standard_normal()).collect(),
                };
                match name {
                    "randn" => expected.gaussian(&x),
                    _ if SAME_LOGARITHM => expected.hash(hash_of(&x)),
                    _ => {}
                }
            }
            "randn_f32" => {
                let mut x = vec![0.0_f32; size(0)];
                rng.fill_standard_normal(&mut x);
                expected.f32s(&x);
            }
            "normal" => expected.gaussian(&match bulk {
                true => {
                    let mut x = vec![0.0; size(2)];
                    rng.fill_normal(&mut x, float(0), float(1));
                    x
                }
                false => (0..size(2))
                    .map(|_| rng.normal(float(0), float(1)))
                    .collect(),
            }),
            "randint" => expected.integers(&match bulk {
                true => rng.randints(int(0), int(1), size(2)),
                false => (0..size(2)).map(|_| rng.randint(int(0), int(1))).collect(),
            }),
            "permutation" => expected.integers(&rng.permutation(size(0))),
            "permutation_hash" => {
                expected.hash(fnv(rng.permutation(size(0)).iter().map(|&i| i as u64)));
            }
            "shuffle" => {
                let mut x: Vec<i64> = (100..100 + int(0)).collect();
                rng.shuffle(&mut x);
                expected.integers(&x);
            }
            "choice" => {
                expected.integers(&rng.choice(size(0), size(1), args[2].parse().unwrap()));
            }
            "choice_weighted" => {
                let p: Vec<f64> = (1..args.len()).map(float).collect();
                expected.integers(&rng.choice_weighted(&p, size(0)));
            }
            "bernoulli" => {
                let mut x = vec![false; size(1)];
                match bulk {
                    true => rng.fill_bernoulli(&mut x, float(0)),
                    false => x.fill_with(|| rng.bernoulli(float(0))),
                }
                expected.integers(&x.iter().map(|&x| i64::from(x)).collect::<Vec<_>>());
            }
            "state" => {
                let state = rng.get_state();
                let [hash, pos, has_gauss, gauss] = expected.values[..] else {
                    panic!("{line}")
                };
                let key = format!(
                    "{:016x}",
                    fnv(state.key().iter().map(|&word| u64::from(word)))
                );
                assert_eq!(key, hash, "{line}");
                assert_eq!(state.pos().to_string(), pos, "{line}");
                let kept = state.cached_gaussian();
                assert_eq!(u8::from(kept.is_some()).to_string(), has_gauss, "{line}");
                Expected {
                    line,
                    values: vec![gauss],
                }
                .gaussian(&[kept.unwrap_or(0.0)]);
                // And the generator goes on from its saved bytes.
                rng = RandomState::new(1);
                rng.set_state(&State::from_bytes(&state.to_bytes()).unwrap());
            }
            "seed" => {
                let words: Vec<u32> = args.iter().map(|x| x.parse().unwrap()).collect();
                rng = match words[..] {
                    [word] => RandomState::new(word.into()),
                    [low, high] => RandomState::new(u64::from(high) << 32 | u64::from(low)),
                    _ => RandomState::from_words(&words),
                };
            }
            _ => panic!("no draw has the name {name}"),
        }
        lines += 1;
    }
    assert!(lines > 500, "only {lines} lines of golden draws");
}

#[test]
fn bulk_draws_are_those_of_numpy() {
    repeat_golden(true);
}

#[test]
fn single_draws_are_those_of_numpy() {
    repeat_golden(false);
}

#[test]
fn fills_of_any_length_continue_one_another() {
    // Lengths around the block of 312 pairs and the chunk of 512 draws.
    for n in [0, 1, 2, 3, 311, 312, 313, 511, 512, 513, 1025] {
        let (mut bulk, mut single) = (RandomState::new(9), RandomState::new(9));
        for _ in 0..3 {
            let x: Vec<f64> = (0..n).map(|_| single.random_sample()).collect();
            assert_eq!(bulk.rand(n), x, "rand({n})");
            let x: Vec<f64> = (0..n).map(|_| single.standard_normal()).collect();
            assert_eq!(bulk.randn(n), x, "randn({n})");
            assert_eq!(bulk.randint(0, 7), single.randint(0, 7));
            assert_eq!(bulk, single);
        }
    }
}

#[test]
fn a_draw_equal_to_the_probability_is_false() {
    let first = RandomState::new(0).random_sample();
    let mut mask = [true];
    RandomState::new(0).fill_bernoulli(&mut mask, first);
    assert_eq!(
        (mask[0], RandomState::new(0).bernoulli(first)),
        (false, false)
    );
    assert!(RandomState::new(0).bernoulli(first.next_up()));
}

#[test]
fn the_generator_of_the_process_is_seeded_shared_and_survives_a_panic() {
    random::seed(0);
    let x = random::with_default(|rng| rng.random_sample());
    assert_eq!(x, RandomState::new(0).random_sample());

    // Threads draw different numbers, all of them from the one stream.
    random::seed(5);
    let mut drawn: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| random::with_default(|rng| rng.rand(100))))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut expected = RandomState::new(5).rand(400);
    drawn.sort_by(f64::total_cmp);
    expected.sort_by(f64::total_cmp);
    assert_eq!(drawn, expected);

    let nested = panic_message(|| {
        random::with_default(|_| random::with_default(|rng| rng.random_sample()));
    });
    assert!(
        nested.starts_with("with_default: called inside with_default"),
        "{}",
        nested
    );
    let nested = panic_message(|| random::with_default(|_| random::seed(1)));
    assert!(
        nested.starts_with("seed: called inside with_default"),
        "{}",
        nested
    );
    random::seed(0);
    assert_eq!(random::with_default(|rng| rng.random_sample()), x);
}

#[test]
fn unseeded_generators_differ() {
    let (mut a, mut b) = (RandomState::from_entropy(), RandomState::from_entropy());
    assert_ne!(a.rand(4), b.rand(4));
    let x = a.rand(10_000);
    let mean = x.iter().sum::<f64>() / 10_000.0;
    assert!((mean - 0.5).abs() < 0.02, "mean {mean}"); // seven standard deviations
}

#[test]
fn hostile_states_are_errors() {
    let mut rng = RandomState::new(0);
    rng.standard_normal();
    let state = rng.get_state();
    let bytes = state.to_bytes();
    assert_eq!(State::from_bytes(&bytes).as_ref(), Ok(&state));
    for n in [0, 7, 8, 2511] {
        let error = StateError::Length {
            expected: 2512,
            found: n,
        };
        assert_eq!(State::from_bytes(&bytes[..n]), Err(error));
    }
    let with = |at: usize, new: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        State::from_bytes(&bytes)
    };
    assert_eq!(with(0, &[0; 2496]), Err(StateError::ZeroKey));
    assert_eq!(
        with(2496, &625_u32.to_le_bytes()),
        Err(StateError::Position(625))
    );
    assert_eq!(
        with(2496, &[0xff; 4]),
        Err(StateError::Position(u32::MAX as usize))
    );
    assert_eq!(with(2500, &2_u32.to_le_bytes()), Err(StateError::Flag(2)));
    let infinite = f64::INFINITY;
    assert_eq!(
        with(2504, &infinite.to_le_bytes()),
        Err(StateError::NotFinite(infinite))
    );
    assert_eq!(
        State::new(&[1; 623], 0, None),
        Err(StateError::KeyLength(623))
    );
}

/// The message of the panic in `f`, which must be raised at a line of this file.
fn panic_message(f: impl FnOnce()) -> String {
    // The hook belongs to the process: one at a time.
    static HOOK: Mutex<()> = Mutex::new(());
    thread_local!(static FILE: RefCell<String> = const { RefCell::new(String::new()) });
    let _alone = HOOK.lock().unwrap_or_else(PoisonError::into_inner);
    let hook = take_hook();
    set_hook(Box::new(|info| {
        FILE.set(info.location().unwrap().file().to_string())
    }));
    let result = catch_unwind(AssertUnwindSafe(f));
    set_hook(hook);
    let payload = result.expect_err("no panic");
    let message = match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast_ref::<&str>().unwrap().to_string(),
    };
    assert_eq!(FILE.take(), file!(), "not at the caller's line: {message}");
    message
}

#[test]
fn mistakes_panic_at_the_callers_line_and_draw_nothing() {
    fn check(expected: &str, draw: impl FnOnce(&mut RandomState)) {
        let mut rng = RandomState::new(0);
        assert_eq!(panic_message(|| draw(&mut rng)), expected);
        assert_eq!(
            rng,
            RandomState::new(0),
            "a draw was made before the panic: {expected}"
        );
    }
    let empty = "randint: no integer is in 3..3; low must be less than high";
    check(empty, |rng| _ = rng.randint(3, 3));
    check(empty, |rng| _ = rng.randints(3, 3, 2));
    let infinite = "uniform: the range 0 to inf must be finite";
    check(infinite, |rng| _ = rng.uniform(0.0, f64::INFINITY));
    check(infinite, |rng| {
        rng.fill_uniform(&mut [0.0; 2], 0.0, f64::INFINITY)
    });
    let negative = "normal: the standard deviation is -1; it must not be negative";
    check(negative, |rng| _ = rng.normal(0.0, -1.0));
    check(negative, |rng| {
        rng.fill_normal(&mut [0.0_f32; 2], 0.0, -1.0)
    });
    let p = "bernoulli: the probability is 1.5; it must be in [0, 1]";
    check(p, |rng| _ = rng.bernoulli(1.5));
    check(p, |rng| rng.fill_bernoulli(&mut [false; 2], 1.5));
    check(
        "bernoulli: the probability is NaN; it must be in [0, 1]",
        |rng| {
            rng.bernoulli(f64::NAN);
        },
    );
    check(
        "choice: 2 draws from no numbers; n must be positive",
        |rng| _ = rng.choice(0, 2, true),
    );
    check(
        "choice: 4 draws from 3 numbers without replacement; size must be at most 3",
        |rng| _ = rng.choice(3, 4, false),
    );
    check(
        "choice_weighted: 2 probabilities sum to 0.75; they must sum to 1",
        |rng| {
            rng.choice_weighted(&[0.5, 0.25], 1);
        },
    );
    check(
        "choice_weighted: 0 probabilities sum to 0; they must sum to 1",
        |rng| {
            rng.choice_weighted(&[], 1);
        },
    );
    check(
        "choice_weighted: p[1] is -0.5; probabilities must not be negative or NaN",
        |rng| _ = rng.choice_weighted(&[1.5, -0.5], 1),
    );
    check(
        "RandomState::from_words: the seed must have at least one word",
        |_| {
            _ = RandomState::from_words(&[]);
        },
    );
    assert!(RandomState::new(0).choice(0, 0, true).is_empty());
}
