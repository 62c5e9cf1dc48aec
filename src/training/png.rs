//! PNG files of small images. (The `image` crate reads and writes them too, but only with the feature of that name:
//! reports are made without.)

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use crate::data::{Image, ImageMode};

/// The bytes of a PNG file.
pub(super) fn encode(image: &Image) -> Vec<u8> {
    let color_type = match image.mode() {
        ImageMode::Gray => 0,
        ImageMode::Rgb => 2,
        ImageMode::Bgr => return encode(&image.convert(ImageMode::Rgb)),
    };
    let mut header = Vec::with_capacity(13);
    header.extend((image.width() as u32).to_be_bytes());
    header.extend((image.height() as u32).to_be_bytes());
    header.extend([8, color_type, 0, 0, 0]); // bits a channel; deflate, no filters but those of each row, no interlace
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::default());
    let width = image.pixels().len() / image.height().max(1);
    for row in image.pixels().chunks(width.max(1)) {
        rows.write_all(&[0]).expect("a Vec takes all bytes"); // a row without a filter
        rows.write_all(row).expect("a Vec takes all bytes");
    }
    let rows = rows.finish().expect("a Vec takes all bytes");
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [(b"IHDR", header), (b"IDAT", rows), (b"IEND", Vec::new())] {
        png.extend((data.len() as u32).to_be_bytes());
        let mut crc = Crc::new();
        crc.update(name);
        crc.update(&data);
        png.extend(name);
        png.extend(data);
        png.extend(crc.sum().to_be_bytes());
    }
    png
}

/// As a `data:` address, for a page that needs no other file.
pub(super) fn data_url(image: &Image) -> String {
    format!("data:image/png;base64,{}", base64(&encode(image)))
}

/// The text of an SVG file as a `data:` address. As an image it runs no scripts.
pub(super) fn svg_data_url(svg: &str) -> String {
    format!("data:image/svg+xml;base64,{}", base64(svg.as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = (0..3).fold(0, |word, i| {
            word << 8 | u32::from(three.get(i).copied().unwrap_or(0))
        });
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= three.len() { digit as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_each_length() {
        // RFC 4648, section 10.
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (text, expected) in cases {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }

    #[cfg(feature = "image")]
    #[test]
    fn another_decoder_reads_the_same_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.png");
        let pixels = |n| (0..n).map(|i| (i * 37 % 256) as u8).collect();
        for (mode, channels) in [(ImageMode::Gray, 1), (ImageMode::Rgb, 3)] {
            let image = Image::new(pixels(5 * 7 * channels), [5, 7], mode);
            std::fs::write(&path, encode(&image)).unwrap();
            assert_eq!(Image::open(&path).unwrap(), image);
        }
    }
}
