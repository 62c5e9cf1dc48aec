//! The bytes of PNG and JPEG files.

use image::{ColorType, ImageFormat, ImageReader};

use super::{Image, ImageMode};

/// The image in the bytes of a file, or what is wrong with them.
pub(super) fn decode(bytes: &[u8]) -> Result<Image, String> {
    let reader = ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|e| e.to_string())?;
    let Some(format) = reader.format() else {
        return Err("neither a PNG nor a JPEG image".to_owned());
    };
    let mut limits = image::Limits::default(); // half a gigabyte of memory
    limits.max_image_width = Some(1 << 15);
    limits.max_image_height = Some(1 << 15);
    reader.limits(limits);
    let image = reader
        .decode()
        .map_err(|e| format!("not a sound image: {e}"))?;
    // The decoder paints what is missing of a JPEG gray.
    if format == ImageFormat::Jpeg && !has_end(bytes) {
        return Err(format!(
            "truncated: no end in {} bytes of JPEG",
            bytes.len()
        ));
    }
    let size = [image.height() as usize, image.width() as usize];
    Ok(match image.color() {
        ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16 => {
            Image::new(image.into_luma8().into_raw(), size, ImageMode::Gray)
        }
        _ => Image::new(image.into_rgb8().into_raw(), size, ImageMode::Rgb),
    })
}

/// Whether a JPEG goes on to its end marker. Segments say how long they are, so that the end of a thumbnail inside one is
/// not taken for it; the compressed data after them contain no marker but restarts.
fn has_end(bytes: &[u8]) -> bool {
    const STANDS_ALONE: std::ops::RangeInclusive<u8> = 0xd0..=0xd8;
    let mut rest = bytes;
    loop {
        let Some(at) = rest
            .windows(2)
            .position(|b| b[0] == 0xff && !matches!(b[1], 0 | 0xff))
        else {
            return false;
        };
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        match (marker, rest) {
            (0xd9, _) => return true,
            (m, _) if STANDS_ALONE.contains(&m) => {}
            (_, [high, low, ..]) => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(length..).unwrap_or_default();
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_cut_off_anywhere_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let pixels = (0..48 * 40 * 3).map(|i| (i * i % 251) as u8).collect();
        let image = Image::new(pixels, [48, 40], ImageMode::Rgb);
        for name in ["x.jpg", "x.png"] {
            let path = folder.path().join(name);
            image.save(&path).unwrap();
            let sound = std::fs::read(&path).unwrap();
            assert!(decode(&sound).is_ok());
            // What cameras append is no part of the image.
            assert!(decode(&[&sound[..], b"appended"].concat()).is_ok());
            // The last bytes of a PNG say only that it ends.
            for length in 0..sound.len() - if name == "x.png" { 16 } else { 1 } {
                assert!(decode(&sound[..length]).is_err(), "{name}: {length} bytes");
            }
        }
    }

    #[test]
    fn a_thumbnail_does_not_end_a_photograph() {
        let thumbnail = [0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9];
        let cut = [
            &[0xff, 0xd8][..],
            &thumbnail,
            &[0xff, 0xda, 0, 2, 1, 0xff, 0],
        ]
        .concat();
        assert!(!has_end(&cut));
        assert!(has_end(
            &[&cut[..], &[0xff, 0xd0, 7, 0xff, 0xff, 0xd9]].concat()
        ));
    }
}
