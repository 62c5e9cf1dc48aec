//! Handwritten digits that come with the crate.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;

use super::{ImageDataset, Split};

const IMAGES: usize = 1797;
const SIZE: usize = 64;
/// The last fifth is the test set.
const TRAIN: usize = 1437;

/// 1,797 handwritten digits of 8 x 8 pixels, which are part of the crate: nothing is read or
/// fetched.
///
/// Samples are `f32` `[1, 8, 8]` from 0 (paper) to 1 (ink) and the digit, as `i64`. The first 1,437
/// are for training, the last 360 for testing.
///
/// Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning
/// Repository, <https://doi.org/10.24432/C50P49>, CC BY 4.0.
///
/// ```
/// use dezero::data::{Dataset, Split, digits};
///
/// let (train, test) = (digits(Split::Train), digits(Split::Test));
/// assert_eq!((train.len(), test.len()), (1437, 360));
/// let (x, t) = train.get(4);
/// assert_eq!((x.shape(), t), (&[1, 8, 8][..], 4));
/// ```
pub fn digits(split: Split) -> ImageDataset {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut bytes = Vec::with_capacity(IMAGES * (1 + SIZE));
        GzDecoder::new(&include_bytes!("digits.bin.gz")[..])
            .read_to_end(&mut bytes)
            .expect("the file in the crate is whole");
        bytes
    });
    let (labels, pixels) = BYTES.split_at(IMAGES);
    let part = match split {
        Split::Train => 0..TRAIN,
        Split::Test => TRAIN..IMAGES,
    };
    let pixels = &pixels[part.start * SIZE..part.end * SIZE];
    ImageDataset::new(pixels.to_vec(), [1, 8, 8], labels[part].to_vec(), 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    #[test]
    fn a_known_digit() {
        let (x, t) = digits(Split::Train).get(0);
        #[rustfmt::skip]
        let zero = [
            0, 0, 5, 13, 9, 1, 0, 0,
            0, 0, 13, 15, 10, 15, 5, 0,
            0, 3, 15, 2, 0, 11, 8, 0,
            0, 4, 12, 0, 0, 8, 8, 0,
            0, 5, 8, 0, 0, 9, 8, 0,
            0, 4, 11, 0, 1, 12, 7, 0,
            0, 2, 14, 5, 10, 12, 0, 0,
            0, 0, 6, 13, 10, 0, 0, 0,
        ];
        assert_eq!(x.to_vec::<f32>(), zero.map(|p| p as f32 / 16.0));
        assert_eq!(t, 0);
    }

    #[test]
    fn every_class_is_in_both_parts() {
        // As `sklearn.datasets.load_digits` has them.
        let mut counts = [0; 10];
        for (split, least) in [(Split::Train, 141), (Split::Test, 33)] {
            let mut part = [0; 10];
            digits(split)
                .labels()
                .iter()
                .for_each(|&t| part[t as usize] += 1);
            assert_eq!(part.iter().min(), Some(&least));
            counts
                .iter_mut()
                .zip(part)
                .for_each(|(count, n)| *count += n);
        }
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let ink = |split| {
            digits(split)
                .pixels()
                .iter()
                .map(|&p| u64::from(p))
                .sum::<u64>()
        };
        assert_eq!(ink(Split::Train) + ink(Split::Test), 561_718);
    }
}
