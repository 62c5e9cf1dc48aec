//! Nested Rust literals as arrays: `[[1.0, 2.0], [3.0, 4.0]]`.

use crate::{Array, Element, Shape};

/// A number, or (nested) arrays and vectors of numbers, that [`Array::new`] takes.
///
/// `f32`, `f64`, `i64` and `bool` keep their type; the other integers become `i64`.
pub trait Literal {
    /// The element type of the resulting array.
    type Element: Element;
    /// Appends the sizes of the axes, outermost first. Panics where nested vectors are ragged.
    #[track_caller]
    fn push_shape(&self, shape: &mut Shape);
    /// Appends the elements in row-major order.
    fn push_elements(&self, elements: &mut Vec<Self::Element>);
}

macro_rules! scalar_literal {
    ($($t:ty => $element:ty),*) => {$(
        impl Literal for $t {
            type Element = $element;
            fn push_shape(&self, _shape: &mut Shape) {}
            #[inline]
            fn push_elements(&self, elements: &mut Vec<$element>) {
                elements.push(*self as $element);
            }
        }
    )*};
}
scalar_literal!(f32 => f32, f64 => f64, i64 => i64, bool => bool);
scalar_literal!(i32 => i64, u8 => i64, u32 => i64, usize => i64);

#[track_caller]
fn push_shape_of_items<L: Literal>(items: &[L], shape: &mut Shape) {
    shape.push(items.len());
    let axis = shape.len();
    let Some(first) = items.first() else { return };
    first.push_shape(shape);
    for (i, item) in items.iter().enumerate().skip(1) {
        let mut other = Shape::new();
        item.push_shape(&mut other);
        if other[..] != shape[axis..] {
            panic!(
                "Array::new: ragged literal: item 0 has shape {:?}, item {i} has shape {:?}",
                &shape[axis..],
                &other[..]
            );
        }
    }
}

macro_rules! nested_literal {
    ($([$($generics:tt)*] $t:ty),*) => {$(
        impl<L: Literal, $($generics)*> Literal for $t {
            type Element = L::Element;
            #[track_caller]
            fn push_shape(&self, shape: &mut Shape) {
                push_shape_of_items(&self[..], shape);
            }
            fn push_elements(&self, elements: &mut Vec<L::Element>) {
                for item in self.iter() {
                    item.push_elements(elements);
                }
            }
        }
    )*};
}
nested_literal!([const N: usize] [L; N], [] Vec<L>, [] &[L], [const N: usize] &[L; N]);

impl<L: Literal> From<L> for Array {
    #[track_caller]
    fn from(literal: L) -> Array {
        Array::new(literal)
    }
}
