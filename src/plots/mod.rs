//! Plots, to SVG and PNG: curves, decision boundaries, grids of images, histograms, heat maps.
//!
//! Each is made in a few calls and saved:
//!
//! ```
//! use dezero::plots::{Curves, Plot};
//! # let folder = std::env::temp_dir().join(format!("dezero-plots-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let path = folder.join("loss.svg");
//! let loss = [2.3, 0.9, 0.5, 0.4];
//! Curves::new("Training").labels("epoch", "loss").line("loss", loss).save(&path)?;
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), dezero::Error>(())
//! ```
//!
//! Colours can be told apart by the colour-blind (Okabe and Ito's palette; viridis for numbers). Text in PNG
//! files is set in the font that comes with this crate, so that a bare machine can do it too.

mod axes;
mod colors;
mod curves;
mod decision_boundary;
mod heat_map;
mod histogram;
mod image_grid;
mod raster;

use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};

pub use colors::overlay;
pub use curves::Curves;
pub use decision_boundary::DecisionBoundary;
pub use heat_map::HeatMap;
pub use histogram::Histogram;
pub use image_grid::ImageGrid;
pub(crate) use raster::png_of_svg;

/// What can be drawn.
pub trait Plot {
    /// The picture as the text of an SVG file.
    fn svg(&self) -> String;

    /// Writes the picture: `.svg` or `.png` by the ending of `path`.
    ///
    /// # Errors
    /// If the file cannot be written, or its name ends otherwise. What was there before is then left.
    fn save(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        let path = path.as_ref();
        let ending = path.extension().and_then(|ending| ending.to_str());
        let contents = match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
            "svg" => self.svg().into_bytes(),
            "png" => png_of_svg(&self.svg(), 2.0).map_err(|reason| Error::picture(path, reason))?,
            _ => {
                return Err(Error::picture(
                    path,
                    "the name of a plot ends in .svg or .png",
                ));
            }
        };
        dezero_array::write_atomically(path, |file| Ok(file.write_all(&contents)?))?;
        Ok(())
    }
}
