//! Arrays without gradients.
