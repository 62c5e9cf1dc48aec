//! [`Transform`]: what is done to a sample on its way into a batch.

/// A change of a sample. Functions and closures are transforms, and so are tuples of transforms,
/// applied from left to right.
///
/// ```
/// use dezero::Array;
/// use dezero::data::{Flatten, Transform};
///
/// let transform = (Flatten, |x: Array| x.len());
/// assert_eq!(transform.apply(Array::new([[1.0, 2.0], [3.0, 4.0]])), 4);
/// ```
///
/// A transform of one's own:
///
/// ```
/// use dezero::data::Transform;
///
/// struct Scale(f64);
///
/// impl Transform<f64> for Scale {
///     type Output = f64;
///     fn apply(&self, x: f64) -> f64 {
///         self.0 * x
///     }
/// }
/// assert_eq!((Scale(2.0), Scale(3.0)).apply(1.0), 6.0);
/// ```
pub trait Transform<I> {
    /// What becomes of an `I`.
    type Output;

    /// Changes one sample, or one part of it.
    fn apply(&self, x: I) -> Self::Output;
}

impl<I, O, F: Fn(I) -> O> Transform<I> for F {
    type Output = O;

    fn apply(&self, x: I) -> O {
        self(x)
    }
}

macro_rules! chain {
    ($first:ident $($next:ident after $before:ident)* ; $last:ident) => {
        impl<I, $first: Transform<I>, $($next: Transform<$before::Output>),*> Transform<I>
            for ($first, $($next,)*)
        {
            type Output = $last::Output;

            #[allow(non_snake_case)]
            fn apply(&self, x: I) -> Self::Output {
                let ($first, $($next,)*) = self;
                let x = $first.apply(x);
                $(let x = $next.apply(x);)*
                x
            }
        }
    };
}
chain!(A; A);
chain!(A B after A; B);
chain!(A B after A C after B; C);
chain!(A B after A C after B D after C; D);
chain!(A B after A C after B D after C E after D; E);
chain!(A B after A C after B D after C E after D F after E; F);
chain!(A B after A C after B D after C E after D F after E G after F; G);
chain!(A B after A C after B D after C E after D F after E G after F H after G; H);

/// Transforms one after the other: a name for the tuple of them, as in the book.
///
/// ```
/// use dezero::Array;
/// use dezero::data::{Compose, Flatten, Normalize, Transform};
///
/// let transform = Compose((Flatten, Normalize::new(&[1.0], &[2.0])));
/// let y = transform.apply(Array::new([[1.0f32, 5.0]]));
/// assert_eq!(y.to_vec::<f32>(), [0.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Compose<T>(pub T);

impl<I, T: Transform<I>> Transform<I> for Compose<T> {
    type Output = T::Output;

    fn apply(&self, x: I) -> T::Output {
        self.0.apply(x)
    }
}
