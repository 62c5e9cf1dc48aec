//! [`EventWriter`]: the files that TensorBoard reads.
//!
//! Such a file is a row of records (a length, the bytes, and a checksum of each) and each record a protocol buffer of a
//! dozen fields. That is written here, in less code than a protocol buffer compiler needs to be called: the
//! reader of the field, PyPI's `tensorboard`, is asked in a test what it finds (`tests/tensorboard.py`).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dezero_array::{Array, DType};

use super::png;
use crate::data::Image;
use crate::error::{Error, Result};

/// Writes one event file. TensorBoard reads all event files of a folder as one.
///
/// ```
/// use dezero::Array;
/// use dezero::training::EventWriter;
/// # let folder = std::env::temp_dir().join(format!("dezero-events-{}", std::process::id()));
/// let mut events = EventWriter::create(&folder)?;
/// for step in 0..10 {
///     events.scalars(step, &[("loss", 1.0 / (1 + step) as f64)])?;
/// }
/// events.histogram(10, "weights/W", &Array::randn([100]))?; // tensorboard --logdir FOLDER
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), dezero::Error>(())
/// ```
#[derive(Debug)]
pub struct EventWriter {
    file: File,
    path: PathBuf,
}

impl EventWriter {
    /// A new event file in `folder`, which is made where it is not.
    ///
    /// # Errors
    /// If the folder or the file cannot be made.
    pub fn create(folder: impl AsRef<Path>) -> Result<EventWriter> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        // In the order of their names, files must be in the order of their times.
        let seconds = now() as u64;
        for number in 0.. {
            let name = format!("events.out.tfevents.{seconds:010}.dezero.{number:04}");
            let path = folder.join(name);
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Ok(file) => {
                    let mut events = EventWriter { file, path };
                    events.record(&|event| event.bytes(3, b"brain.Event:2"))?;
                    return Ok(events);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io(path)(error)),
            }
        }
        unreachable!("some number is free")
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells TensorBoard that the training goes on from `step`: what earlier files have of later steps, a killed
    /// process did, and it is not shown.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn resume_after(&mut self, step: u64) -> Result<()> {
        self.record(&|event| {
            event.integer(2, step + 1);
            event.message(7, |session| session.integer(1, 1)); // START
        })
    }

    /// Figures of a step.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn scalars(&mut self, step: u64, figures: &[(&str, f64)]) -> Result<()> {
        self.record(&|event| {
            event.integer(2, step);
            event.message(5, |summary| {
                for (tag, value) in figures {
                    summary.message(1, |entry| {
                        entry.bytes(1, tag.as_bytes());
                        entry.float(2, *value as f32);
                    });
                }
            });
        })
    }

    /// How the elements of an array are distributed. NaN and infinities are left out; where nothing is left, nothing is
    /// written.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn histogram(&mut self, step: u64, tag: &str, x: &Array) -> Result<()> {
        let Some(histogram) = Histogram::of(x) else {
            return Ok(());
        };
        self.record(&|event| {
            event.integer(2, step);
            event.message(5, |summary| {
                summary.message(1, |entry| {
                    entry.bytes(1, tag.as_bytes());
                    entry.message(5, |proto| histogram.write(proto));
                });
            });
        })
    }

    /// An image.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn image(&mut self, step: u64, tag: &str, image: &Image) -> Result<()> {
        let channels = image.pixels().len() / (image.height() * image.width()).max(1);
        let png = png::encode(image);
        self.record(&|event| {
            event.integer(2, step);
            event.message(5, |summary| {
                summary.message(1, |entry| {
                    entry.bytes(1, tag.as_bytes());
                    entry.message(4, |proto| {
                        proto.integer(1, image.height() as u64);
                        proto.integer(2, image.width() as u64);
                        proto.integer(3, channels as u64);
                        proto.bytes(4, &png);
                    });
                });
            });
        })
    }

    /// Writes an event, in one call to the system: a killed process leaves whole records.
    fn record(&mut self, fill: &dyn Fn(&mut Message)) -> Result<()> {
        let mut event = Message::default();
        event.double(1, now());
        fill(&mut event);
        let length = (event.0.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(event.0.len() + 16);
        record.extend(length);
        record.extend(masked_crc32c(&length).to_le_bytes());
        record.extend(&event.0);
        record.extend(masked_crc32c(&event.0).to_le_bytes());
        self.file.write_all(&record).map_err(Error::io(&self.path))
    }
}

/// Seconds since 1970.
pub(super) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// Buckets of equal width.
struct Histogram {
    min: f64,
    max: f64,
    sum: f64,
    sum_of_squares: f64,
    counts: Vec<f64>,
}

impl Histogram {
    const BUCKETS: usize = 30;

    fn of(x: &Array) -> Option<Histogram> {
        let mut values = x.to_dtype(DType::F64).to_vec::<f64>();
        values.retain(|x| x.is_finite());
        let min = values.iter().copied().reduce(f64::min)?;
        let max = values.iter().copied().reduce(f64::max)?;
        let mut counts = vec![0.0; if min < max { Self::BUCKETS } else { 1 }];
        let last = counts.len() - 1;
        for x in &values {
            // Halves: the width of the largest numbers is infinite.
            let share = (x / 2.0 - min / 2.0) / (max / 2.0 - min / 2.0);
            counts[((share * Self::BUCKETS as f64) as usize).min(last)] += 1.0;
        }
        Some(Histogram {
            min,
            max,
            sum: values.iter().sum(),
            sum_of_squares: values.iter().map(|x| x * x).sum(),
            counts,
        })
    }

    fn write(&self, proto: &mut Message) {
        let n = self.counts.len() as f64;
        // Right ends.
        let limits: Vec<f64> = (1..=self.counts.len())
            .map(|i| self.min * (1.0 - i as f64 / n) + self.max * (i as f64 / n))
            .collect();
        proto.double(1, self.min);
        proto.double(2, self.max);
        proto.double(3, self.counts.iter().sum());
        proto.double(4, self.sum);
        proto.double(5, self.sum_of_squares);
        proto.doubles(6, &limits);
        proto.doubles(7, &self.counts);
    }
}

/// A protocol buffer under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    fn integer(&mut self, field: u64, n: u64) {
        self.key(field, 0);
        self.varint(n);
    }

    fn double(&mut self, field: u64, x: f64) {
        self.key(field, 1);
        self.0.extend(x.to_le_bytes());
    }

    fn float(&mut self, field: u64, x: f32) {
        self.key(field, 5);
        self.0.extend(x.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn doubles(&mut self, field: u64, xs: &[f64]) {
        let bytes: Vec<u8> = xs.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.bytes(field, &bytes);
    }

    fn message(&mut self, field: u64, fill: impl FnOnce(&mut Message)) {
        let mut message = Message::default();
        fill(&mut message);
        self.bytes(field, &message.0);
    }
}

/// The checksum of the records: CRC-32C, turned and shifted so that a checksum of checksums is no special case.
fn masked_crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (crc & 1).wrapping_neg() & 0x82f6_3b78;
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum() {
        // CRC-32C of "123456789" is e3069283.
        let masked = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(masked_crc32c(b"123456789"), masked);
    }

    #[test]
    fn histograms_hold_every_finite_element() {
        let x = Array::new([f64::NAN, -1.0, 0.0, 2.0, f64::INFINITY, 2.0]);
        let h = Histogram::of(&x).unwrap();
        assert_eq!(
            (h.min, h.max, h.sum, h.sum_of_squares),
            (-1.0, 2.0, 3.0, 9.0)
        );
        assert_eq!(h.counts.iter().sum::<f64>(), 4.0);
        assert_eq!((h.counts[0], h.counts[10], h.counts[29]), (1.0, 1.0, 2.0));
        assert!(Histogram::of(&Array::new([f64::NAN])).is_none());
        assert_eq!(
            Histogram::of(&Array::new([3.0, 3.0])).unwrap().counts,
            [2.0]
        );
        let wide = Histogram::of(&Array::new([f64::MIN, 0.0, f64::MAX])).unwrap();
        assert_eq!(wide.counts.iter().sum::<f64>(), 3.0);
        assert_eq!(wide.counts[15], 1.0);
    }
}
