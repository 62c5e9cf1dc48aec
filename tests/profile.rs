//! Time, calls and memory of every function.

use std::collections::HashMap;
use std::fs;

use dezero::{
    Array, Backward, DType, Function, Gradients, Keep, Layer, Outputs, Variable, apply, functions,
    grad, models::Mlp, no_grad, profile,
};

#[test]
fn counts_calls_and_memory_forward_and_backward() {
    let model = Mlp::new([8, 3]);
    let x = Array::ones([4, 5], DType::F32);
    let t = Array::new([0, 1, 2, 0]);
    let step = || {
        let loss = functions::softmax_cross_entropy(model.forward(&x), &t);
        model.clear_grads();
        loss.backward();
    };
    step();
    let profile = profile(|| {
        step();
        step();
        no_grad(|| model.forward(&x));
    });
    let rows: HashMap<_, _> = profile.rows().iter().map(|row| (row.name(), row)).collect();
    let calls = |name: &str| (rows[name].forward_calls(), rows[name].backward_calls());
    assert_eq!(calls("linear"), (6, 4));
    assert_eq!(calls("sigmoid"), (3, 2));
    assert_eq!(calls("softmax_cross_entropy"), (2, 2));
    // What a backward applies is part of it.
    assert_eq!(rows.len(), 3, "{profile}");
    assert_eq!(rows["sigmoid"].forward_bytes(), 3 * 4 * 4 * 8);
    assert_eq!(rows["sigmoid"].backward_bytes(), 2 * 4 * 4 * 8);
    assert!(profile.time_in_functions() > std::time::Duration::ZERO);
    assert!(profile.time_in_functions() <= profile.duration());
    let text = profile.to_string();
    assert!(
        text.contains("(outside of functions)") && text.contains("backward"),
        "{text}"
    );
    // Sorted by time.
    let times: Vec<_> = profile
        .rows()
        .iter()
        .map(|row| row.forward_time() + row.backward_time())
        .collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
}

#[test]
fn views_take_no_memory() {
    let x = Variable::new(Array::arange(0.0f32, 20.0, 1.0).reshape([4, 5]));
    let profile = profile(|| x.transpose().reshape([20]));
    let row = |name: &str| {
        profile
            .rows()
            .iter()
            .find(|row| row.name() == name)
            .unwrap()
            .forward_bytes()
    };
    assert_eq!(row("transpose"), 0);
    // The elements lie in another order.
    assert_eq!(row("reshape"), 80);
}

#[test]
fn sees_nothing_before_and_after_and_survives_a_panic() {
    let x = Variable::new(2.0);
    x.sin();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        profile(|| panic!("on the way"))
    }));
    assert!(caught.is_err());
    x.cos();
    let outer = profile(|| {
        x.exp();
        // A profile inside of another keeps its functions to itself.
        let inner = profile(|| drop(x.log()));
        assert_eq!(
            inner
                .rows()
                .iter()
                .map(|row| row.name())
                .collect::<Vec<_>>(),
            ["log"]
        );
    });
    assert_eq!(
        outer
            .rows()
            .iter()
            .map(|row| row.name())
            .collect::<Vec<_>>(),
        ["exp"]
    );
    let empty = profile(|| ());
    assert!(empty.rows().is_empty());
    assert!(empty.to_string().contains("total"));
}

struct Odd;
impl Function for Odd {
    fn name(&self) -> &'static str {
        "odd \"name\"\\\n"
    }
    fn forward(&mut self, xs: &[Array]) -> Outputs {
        [&xs[0] + 1.0].into()
    }
    fn keeps(&self, _: &[bool]) -> Keep {
        Keep::NOTHING
    }
    fn backward(&self, context: &Backward<'_>) -> Gradients {
        context.gy(0).into()
    }
}

#[test]
fn the_trace_is_json_whose_events_nest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    let x = Variable::new([1.0, 2.0]);
    let profile = profile(|| {
        let y = apply(Odd, &[&x]).remove(0).tanh();
        let gx = grad(&[&y], &[&x], true).remove(0);
        gx.backward();
    });
    profile.save_trace(&path).unwrap();
    let trace = json::parse(&fs::read_to_string(&path).unwrap());
    let events = trace.get("traceEvents").array();
    let names: Vec<&str> = events
        .iter()
        .map(|event| event.get("name").string())
        .collect();
    assert!(
        names.contains(&"odd \"name\"\\\n") && names.contains(&"tanh backward"),
        "{names:?}"
    );
    let mut open: Vec<f64> = Vec::new();
    let mut last = 0.0;
    for event in events {
        assert_eq!(event.get("ph").string(), "X");
        assert_eq!(
            (event.get("pid").number(), event.get("tid").number()),
            (1.0, 1.0)
        );
        let (start, duration) = (event.get("ts").number(), event.get("dur").number());
        assert!(start >= last && duration >= 0.0, "in order of their start");
        last = start;
        while open.last().is_some_and(|end| *end <= start) {
            open.pop();
        }
        if let Some(end) = open.last() {
            assert!(
                start + duration <= end + 1e-6,
                "inside of what is under way"
            );
        }
        open.push(start + duration);
    }
    // tanh backward applies functions, inside of itself.
    assert!(events.len() > profile.rows().len() + 3);
    let refused = profile
        .save_trace(folder.path().join("missing/trace.json"))
        .unwrap_err();
    assert!(refused.to_string().contains("trace.json"), "{refused}");
}

/// Enough of JSON to read a trace strictly.
mod json {
    use std::collections::BTreeMap;

    pub enum Value {
        Number(f64),
        String(String),
        Array(Vec<Value>),
        Object(BTreeMap<String, Value>),
    }

    impl Value {
        pub fn get(&self, key: &str) -> &Value {
            match self {
                Value::Object(members) => &members[key],
                _ => panic!("not an object"),
            }
        }
        pub fn array(&self) -> &[Value] {
            match self {
                Value::Array(values) => values,
                _ => panic!("not an array"),
            }
        }
        pub fn string(&self) -> &str {
            match self {
                Value::String(text) => text,
                _ => panic!("not a string"),
            }
        }
        pub fn number(&self) -> f64 {
            match self {
                Value::Number(number) => *number,
                _ => panic!("not a number"),
            }
        }
    }

    pub fn parse(text: &str) -> Value {
        let mut rest = text;
        let value = value(&mut rest);
        assert!(rest.trim().is_empty(), "after the end: {rest}");
        value
    }

    fn eat(rest: &mut &str, token: char) -> bool {
        *rest = rest.trim_start();
        let found = rest.starts_with(token);
        if found {
            *rest = &rest[1..];
        }
        found
    }

    fn value(rest: &mut &str) -> Value {
        if eat(rest, '{') {
            let mut members = BTreeMap::new();
            while !eat(rest, '}') {
                assert!(members.is_empty() || eat(rest, ','), "comma: {rest}");
                assert!(eat(rest, '"'));
                let key = string(rest);
                assert!(eat(rest, ':'));
                members.insert(key, value(rest));
            }
            Value::Object(members)
        } else if eat(rest, '[') {
            let mut values = Vec::new();
            while !eat(rest, ']') {
                assert!(values.is_empty() || eat(rest, ','), "comma: {rest}");
                values.push(value(rest));
            }
            Value::Array(values)
        } else if eat(rest, '"') {
            Value::String(string(rest))
        } else {
            let end = rest.find([',', '}', ']', '\n']).unwrap();
            let number = rest[..end].parse().unwrap();
            *rest = &rest[end..];
            Value::Number(number)
        }
    }

    fn string(rest: &mut &str) -> String {
        let mut text = String::new();
        let mut letters = rest.char_indices();
        loop {
            let (at, letter) = letters.next().expect("a closing quote");
            match letter {
                '"' => {
                    *rest = &rest[at + 1..];
                    return text;
                }
                '\\' => match letters.next().unwrap().1 {
                    'u' => {
                        let code: String =
                            letters.by_ref().take(4).map(|(_, digit)| digit).collect();
                        text.push(char::from_u32(u32::from_str_radix(&code, 16).unwrap()).unwrap());
                    }
                    escaped @ ('"' | '\\') => text.push(escaped),
                    other => panic!("escape {other}"),
                },
                letter => {
                    assert!(!letter.is_control(), "a bare control character");
                    text.push(letter);
                }
            }
        }
    }
}
