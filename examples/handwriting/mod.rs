//! Handwritten digits to learn from, and drawings of digits to look at.

use dezero::data::{ImageDataset, Split, digits, mnist_in};
use dezero::{Array, Result};

use crate::command_line::option;

/// MNIST from the folder after `--data-dir`; without that option the digits that come with the crate.
pub fn load(split: Split) -> Result<ImageDataset> {
    match option("--data-dir") {
        Some(folder) => mnist_in(folder, split),
        None => Ok(digits(split)),
    }
}

/// Prints images of shape (n, height, width), from 0 to 1, four a line, of which n is a multiple.
///
/// With the feature `image` they are also written to the file after `--picture`.
pub fn show(images: &Array) -> Result<()> {
    const COLUMNS: usize = 4;
    let images = images.pad([(0, 0), (1, 1), (1, 1)], 0.0);
    let &[n, height, width] = images.shape() else {
        unreachable!("padding keeps the number of axes");
    };
    // Images side by side: the rows of pixels come before the columns of images.
    let [rows, columns] = [n / COLUMNS * height, COLUMNS * width];
    let sheet = images.reshape([n / COLUMNS, COLUMNS, height, width]);
    let sheet = sheet.permute([0, 2, 1, 3]).reshape([rows, columns]);

    // A character is twice as high as wide: small images take two for a pixel, large ones one for two pixels.
    let small = width < 20;
    let ink = |p: f32| b" .:-=+*#@"[(p * 8.99) as usize] as char;
    let pixels = sheet.to_vec::<f32>();
    for row in pixels.chunks(columns * if small { 1 } else { 2 }) {
        let line: String = match small {
            true => row.iter().flat_map(|&p| [ink(p); 2]).collect(),
            false => {
                let (above, below) = row.split_at(columns);
                above
                    .iter()
                    .zip(below)
                    .map(|(p, q)| ink((p + q) / 2.0))
                    .collect()
            }
        };
        println!("{}", line.trim_end());
    }
    match option("--picture") {
        Some(path) => save(&sheet, &path),
        None => Ok(()),
    }
}

#[cfg(feature = "image")]
fn save(sheet: &Array, path: &str) -> Result<()> {
    use dezero::data::Image;
    let image = Image::from_array(&((1.0 - sheet) * 255.0));
    image
        .resize([4 * image.height(), 4 * image.width()])
        .save(path)
}

#[cfg(not(feature = "image"))]
fn save(_: &Array, path: &str) -> Result<()> {
    println!("{path} was not written: that takes `--features image`");
    Ok(())
}
