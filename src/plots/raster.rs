//! Pixels: images inside of an SVG, and an SVG as PNG.

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::colors::Rgb;

/// DejaVu Sans: Latin, Greek, and signs of mathematics.
static FONT: &[u8] = include_bytes!("DejaVuSans.ttf");

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

/// Pixels that a PNG may have.
const LARGEST: f64 = 1e8;

/// An SVG as PNG, `scale` pixels for each of its units.
pub(crate) fn png_of_svg(svg: &str, scale: f32) -> Result<Vec<u8>, String> {
    let options = Options {
        fontdb: FONTS.clone(),
        font_family: String::from("DejaVu Sans"),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let size = tree.size();
    let (width, height) = (
        f64::from(size.width() * scale).ceil(),
        f64::from(size.height() * scale).ceil(),
    );
    let pixmap = if width * height <= LARGEST {
        Pixmap::new(width as u32, height as u32)
    } else {
        None
    };
    let Some(mut pixmap) = pixmap else {
        return Err(format!(
            "a picture of {width} x {height} pixels is too large; write an .svg"
        ));
    };
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut pixmap.as_mut(),
    );
    pixmap.encode_png().map_err(|error| error.to_string())
}

/// An image of few or many pixels, which is stretched where it is shown.
pub(super) struct Raster {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Row by row.
    pub(super) pixels: Vec<Rgb>,
}

impl Raster {
    /// As an element of an SVG at (x, y), of a certain width and height, with sharp edges.
    pub(super) fn element(&self, x: f64, y: f64, width: f64, height: f64) -> String {
        // Stretched by whole numbers here: not every viewer leaves edges sharp.
        let zoom = (width / self.width as f64)
            .min(height / self.height as f64)
            .floor()
            .clamp(1.0, 64.0) as usize;
        let (wide, high) = (self.width * zoom, self.height * zoom);
        let mut pixmap = Pixmap::new(wide as u32, high as u32).expect("at least one pixel");
        for (i, pixel) in pixmap.data_mut().chunks_exact_mut(4).enumerate() {
            let (row, column) = (i / wide / zoom, i % wide / zoom);
            pixel[..3].copy_from_slice(&self.pixels[row * self.width + column]);
            pixel[3] = 255;
        }
        let png = STANDARD.encode(pixmap.encode_png().expect("pixels as PNG"));
        format!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" image-rendering=\"optimizeSpeed\" \
             href=\"data:image/png;base64,{png}\"/>\n"
        )
    }
}
