//! What `grad_cam` and `grad_cam_photograph` compute: the evidence for a class, pixel by pixel.

use dezero::{Array, Variable, grad};

/// The class with the highest of the `scores`, (1, classes), and what speaks for it: an image (1, 1, height, width) of `size`,
/// from 0 to 1. `features` are the feature maps, (1, maps, h, w), from which the scores were computed.
pub fn evidence(features: &Variable, scores: &Variable, size: (usize, usize)) -> (usize, Array) {
    let class = scores.data().argmax().item() as usize;
    // How much a map matters to the score of the class.
    let gradient = grad(&[&scores.get((0, class))], &[features], false).remove(0);
    let weights = gradient.data().mean_axis([2, 3], true);
    let evidence = (features.data() * weights).sum_axis(1, true).relu();
    // Where nothing speaks for the class, the picture is black.
    let largest = evidence.max().item().max(f64::MIN_POSITIVE);
    let evidence = Variable::constant(evidence / largest);
    (class, evidence.upsample_bilinear(size, false).data())
}
