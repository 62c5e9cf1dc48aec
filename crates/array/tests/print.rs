//! `Display` and `Debug` against NumPy's `str` and `repr` (golden/print.txt, made by
//! golden/make_print.py).

use dezero_array::{Array, DType};

struct Case {
    name: String,
    array: Array,
    precision: Option<usize>,
    str: String,
    repr: String,
}

fn parse(header: &str) -> (Array, Option<usize>) {
    let mut fields = header.split(' ');
    let mut field = || fields.next().unwrap();
    let (dtype, shape, precision) = (field(), field(), field());
    let shape: Vec<usize> = match shape {
        "()" => Vec::new(),
        shape => shape.split(',').map(|n| n.parse().unwrap()).collect(),
    };
    let bits: Vec<u64> = fields
        .clone()
        .filter(|field| *field != "range")
        .map(|bits| u64::from_str_radix(bits, 16).unwrap())
        .collect();
    let range = 0..shape.iter().product::<usize>() as i64;
    let is_range = fields.next() == Some("range");
    let array = match (dtype, is_range) {
        ("bool", false) => Array::from_vec(bits.iter().map(|&x| x == 1).collect(), shape),
        ("int64", false) => Array::from_vec(bits.iter().map(|&x| x as i64).collect(), shape),
        ("float64", false) => {
            Array::from_vec(bits.iter().map(|&x| f64::from_bits(x)).collect(), shape)
        }
        ("float32", false) => {
            let elements = bits.iter().map(|&x| f32::from_bits(x as u32));
            Array::from_vec(elements.collect(), shape)
        }
        ("bool", true) => Array::from_vec(range.map(|x| x % 2 == 1).collect(), shape),
        ("int64", true) => Array::from_vec(range.collect(), shape),
        ("float64", true) => Array::from_vec(range.map(|x| x as f64).collect(), shape),
        ("float32", true) => Array::from_vec(range.map(|x| x as f32).collect(), shape),
        other => panic!("{other:?}"),
    };
    (array, precision.parse().ok())
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in include_str!("golden/print.txt").lines() {
        if let Some(header) = line.strip_prefix("# ") {
            let (array, precision) = parse(header);
            cases.push(Case {
                name: header.chars().take(150).collect(),
                array,
                precision,
                str: String::new(),
                repr: String::new(),
            });
            continue;
        }
        let case = cases.last_mut().unwrap();
        let (kind, text) = line.split_at(2);
        let lines = if kind == "s|" {
            &mut case.str
        } else {
            &mut case.repr
        };
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(text);
    }
    cases
}

#[test]
fn prints_as_numpy() {
    let cases = cases();
    assert!(cases.len() > 700);
    let mut wrong = 0;
    for case in &cases {
        let (str, repr) = match case.precision {
            None => (case.array.to_string(), format!("{:?}", case.array)),
            Some(p) => (
                format!("{:.p$}", case.array),
                format!("{:.p$?}", case.array),
            ),
        };
        for (ours, numpy) in [(str, &case.str), (repr, &case.repr)] {
            if ours != *numpy {
                wrong += 1;
                if wrong <= 10 {
                    println!("{}\nours:\n{ours}\nNumPy:\n{numpy}\n", case.name);
                }
            }
        }
    }
    assert_eq!(wrong, 0, "of {} cases", cases.len());
}

#[test]
fn views_print_as_their_copies() {
    let x = Array::from_vec((0..3000).map(f64::from).collect(), [50, 60]).transpose();
    assert_eq!(x.to_string(), x.copy().to_string());
    let y = Array::new([[1.5], [2.5]]).broadcast_to([2, 3]);
    assert_eq!(y.to_string(), "[[1.5 1.5 1.5]\n [2.5 2.5 2.5]]");
    let z = Array::zeros([1000, 1000], DType::F32);
    assert_eq!(z.to_string(), z.copy().to_string());
}
