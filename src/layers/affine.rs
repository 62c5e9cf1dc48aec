//! [`Affine`]: the scale and the shift that follow a normalisation.

use dezero_array::{Array, DType};

use super::Layer;
use crate::parameter::Parameter;
use crate::variable::Variable;

/// `gamma` (n), ones, and `beta` (n), zeros; n is found at the first call.
#[derive(Debug, Layer)]
pub(super) struct Affine {
    pub(super) gamma: Parameter,
    pub(super) beta: Parameter,
}

impl Affine {
    pub(super) fn new() -> Affine {
        Affine {
            gamma: Parameter::deferred([None], DType::F32),
            beta: Parameter::deferred([None], DType::F32),
        }
    }

    /// Scale and shift of `n` numbers.
    #[track_caller]
    pub(super) fn get(&self, n: usize) -> (&Variable, &Variable) {
        let gamma = self.gamma.get_or_init(|| Array::ones([n], DType::F32));
        let beta = self.beta.get_or_init(|| Array::zeros([n], DType::F32));
        (gamma, beta)
    }
}

/// What the layers that end in an [`Affine`] share.
macro_rules! affine_settings {
    ($Layer:ident, $of:literal) => {
        /// Sets the type of the parameters, and of the buffers if there are any.
        ///
        /// # Panics
        /// If `dtype` is not a floating-point type.
        #[track_caller]
        #[must_use]
        pub fn dtype(self, dtype: DType) -> $Layer {
            self.to_dtype(dtype);
            self
        }

        #[doc = concat!("The scale of each ", $of, ".")]
        pub fn gamma(&self) -> &Parameter {
            &self.affine.gamma
        }

        #[doc = concat!("The shift of each ", $of, ".")]
        pub fn beta(&self) -> &Parameter {
            &self.affine.beta
        }
    };
}
pub(super) use affine_settings;
