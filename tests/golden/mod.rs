//! Values and derivatives that PyTorch computed, held against ours; see README.md.

// Every test takes what its theme needs.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dezero::{Array, DType, Variable, grad_with};
use dezero_array::npz;

/// Holds every element to `|found - expected| <= rtol * |expected| + atol`.
#[track_caller]
pub fn expect_close(what: &str, found: &Array, expected: &Array, rtol: f64, atol: f64) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    let to_vec = |x: &Array| x.to_dtype(DType::F64).to_vec::<f64>();
    for (i, (a, b)) in to_vec(found).into_iter().zip(to_vec(expected)).enumerate() {
        assert!(
            (a - b).abs() <= rtol * b.abs() + atol,
            "{what}, element {i}: {a} for {b}"
        );
    }
}

/// Holds each f32 logit to `rtol` of itself, plus 1e-6 of the largest: where a logit's terms cancel, the rounding of the
/// terms (2^-24 of each) is left.
#[track_caller]
pub fn expect_logits(what: &str, found: &Array, expected: &Array, rtol: f64) {
    let largest = expected.abs().max().item();
    expect_close(what, found, expected, rtol, 1e-6 * largest);
}

/// The arrays of one theme, and which of its cases were compared.
pub struct Golden {
    theme: &'static str,
    arrays: BTreeMap<String, Array>,
    cases: BTreeSet<String>,
    /// How far numbers may be off, relative to themselves.
    pub tolerance: f64,
}

impl Golden {
    pub fn load(theme: &'static str) -> Golden {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let arrays: BTreeMap<String, Array> = npz::load(folder.join(format!("{theme}.npz")))
            .unwrap()
            .into_iter()
            .collect();
        let cases = arrays
            .keys()
            .map(|key| key.split('/').next().unwrap().to_owned())
            .collect();
        Golden {
            theme,
            arrays,
            cases,
            tolerance: 1e-10,
        }
    }

    pub fn array(&self, case: &str, key: &str) -> Array {
        let key = format!("{case}/{key}");
        self.arrays
            .get(&key)
            .unwrap_or_else(|| panic!("{}.npz has no {key}", self.theme))
            .clone()
    }

    pub fn number(&self, case: &str, key: &str) -> f64 {
        self.array(case, key).item()
    }

    /// With an absolute part for numbers that should be 0 and are the rest of a cancellation.
    #[track_caller]
    pub fn expect_close(&self, case: &str, key: &str, found: &Array) {
        let what = format!("{}/{case}/{key}", self.theme);
        let expected = self.array(case, key);
        expect_close(&what, found, &expected, self.tolerance, 1e-14);
    }

    /// Holds `f` against the case, as far as it goes: value, first and second derivatives.
    #[track_caller]
    pub fn check(&mut self, case: &str, inputs: &[&str], f: impl Fn(&[Variable]) -> Variable) {
        self.cases.remove(case);
        let xs: Vec<Variable> = inputs
            .iter()
            .map(|key| Variable::new(self.array(case, key)))
            .collect();
        let leaves: Vec<&Variable> = xs.iter().collect();
        let y = f(&xs);
        self.expect_close(case, "y", &y.data());
        if !self.arrays.contains_key(&format!("{case}/gy")) {
            return;
        }
        let gy = Variable::new(self.array(case, "gy"));
        let differentiable = grad_with(&[&y], &leaves, Some(&[&gy]), true);
        for gxs in [
            &grad_with(&[&y], &leaves, Some(&[&gy]), false),
            &differentiable,
        ] {
            for (key, gx) in inputs.iter().zip(gxs) {
                self.expect_close(case, &format!("g{key}"), &gx.as_ref().expect(case).data());
            }
        }
        if !self.arrays.contains_key(&format!("{case}/v{}", inputs[0])) {
            return;
        }
        let mut sum = Variable::constant(0.0);
        for (key, gx) in inputs.iter().zip(&differentiable) {
            let v = self.array(case, &format!("v{key}"));
            sum = sum + (gx.as_ref().expect(case) * v).sum();
        }
        for (i, ggx) in grad_with(&[&sum], &leaves, None, false).iter().enumerate() {
            let zeros = || Array::zeros(xs[i].shape(), DType::F64);
            let ggx = ggx.as_ref().map_or_else(zeros, Variable::data);
            self.expect_close(case, &format!("gg{}", inputs[i]), &ggx);
        }
        if self.arrays.contains_key(&format!("{case}/gggy")) {
            let gggy = grad_with(&[&sum], &[&gy], None, false).remove(0);
            self.expect_close(case, "gggy", &gggy.expect(case).data());
        }
    }

    /// Fails unless every case of the file was compared.
    #[track_caller]
    pub fn finish(self) {
        assert!(
            self.cases.is_empty(),
            "{}.npz: not compared: {:?}",
            self.theme,
            self.cases
        );
    }
}
