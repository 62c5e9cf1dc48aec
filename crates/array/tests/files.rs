//! Reading and writing array files: NumPy's own files (made by golden/make_files.py), and what
//! must never panic: truncated, corrupted and hostile ones.

use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use dezero_array::npz::{Archive, Compression};
use dezero_array::{Array, DType, ErrorKind, npy, npz, safetensors};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/files")
        .join(name)
}

fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(golden(name)).unwrap()
}

/// A folder that goes away with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("dezero-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn as_f64(array: &Array) -> Vec<f64> {
    match array.dtype() {
        DType::Bool => array.to_vec::<bool>().iter().map(|&x| x.into()).collect(),
        DType::I64 => array.to_vec::<i64>().iter().map(|&x| x as f64).collect(),
        DType::F32 => array.to_vec::<f32>().iter().map(|&x| x.into()).collect(),
        DType::F64 => array.to_vec::<f64>(),
    }
}

#[test]
fn every_numpy_type_and_order() {
    for file in ["types.npz", "types_compressed.npz"] {
        let arrays = npz::load(golden(file)).unwrap();
        assert_eq!(arrays.len(), 11 * 4 + 2);
        for (name, array) in arrays {
            assert_eq!(array.shape(), [2, 3], "{file} {name}");
            let (dtype, expected) = match name.split('/').nth_back(1).unwrap() {
                "b1" => (DType::Bool, [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]),
                "f8" => (DType::F64, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
                "f2" | "f4" => (DType::F32, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
                _ => (DType::I64, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
            };
            assert_eq!(array.dtype(), dtype, "{file} {name}");
            assert_eq!(as_f64(&array), expected, "{file} {name}");
        }
    }
}

#[test]
fn bytes_as_they_are() {
    for file in ["types.npz", "types_compressed.npz"] {
        let mut archive = Archive::open(golden(file)).unwrap();
        let mut found = 0;
        for name in archive.names().map(str::to_owned).collect::<Vec<_>>() {
            match archive.read_bytes(&name).unwrap() {
                Some(bytes) => {
                    found += 1;
                    assert_eq!(bytes, [0, 1, 2, 3, 4, 5], "{file} {name}");
                }
                None => assert!(!name.contains("u1") || name.ends_with('F'), "{file} {name}"),
            }
        }
        assert_eq!(found, 2, "{file}");
        let error = archive.read_bytes("nothing").unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::NotFound { .. }),
            "{error}"
        );
    }
}

#[test]
fn npy_versions_and_special_values() {
    for file in ["version_2.npy", "version_3.npy"] {
        assert_eq!(npy::load(golden(file)).unwrap().to_vec::<f64>(), [1.0, 2.0]);
    }
    let special = npy::load(golden("special_f2.npy")).unwrap().to_vec::<f32>();
    assert_eq!(special[..3], [1.0, -2.5, 65504.0]);
    assert_eq!(special[3], 2f32.powi(-24));
    assert_eq!(special[4..6], [f32::INFINITY, f32::NEG_INFINITY]);
    assert!(special[6].is_nan() && special[7].is_sign_negative());
    let python_2 = b"{'shape': (2L,), \"descr\": 'f8', 'fortran_order': False}\n";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((python_2.len() as u16).to_le_bytes());
    bytes.extend(python_2);
    bytes.extend([0; 16]);
    assert_eq!(npy::from_bytes(&bytes).unwrap().to_vec::<f64>(), [0.0, 0.0]);
}

#[test]
fn writes_what_numpy_writes() {
    for (name, array) in [
        ("scalar_f8", Array::new(-1.5)),
        (
            "vector_f4",
            Array::new([1.5, f32::NAN, f32::NEG_INFINITY, -0.0]),
        ),
        ("matrix_i8", Array::new([[1, -2, 3], [4, 5, 1i64 << 62]])),
        (
            "cube_b1",
            Array::new([[[true], [false]], [[false], [true]]]),
        ),
        ("empty_f8", Array::zeros([3, 0, 2], DType::F64)),
        // NumPy leaves room in the header for the first axis to grow: here it shows.
        ("axes_f8", Array::new(2.5).reshape([1; 18])),
        (
            "long_f4",
            Array::new((0..1000).map(|x| x as f32).collect::<Vec<_>>()),
        ),
    ] {
        let expected = bytes_of(&format!("{name}.npy"));
        assert_eq!(
            npy::to_bytes(&array).escape_ascii().to_string(),
            expected.escape_ascii().to_string(),
            "{name}"
        );
        let back = npy::from_bytes(&expected).unwrap();
        assert_eq!(back.shape(), array.shape());
        assert_eq!(npy::to_bytes(&back), expected);
    }
    // A view is written in its own order.
    let view = Array::new([[1.0, 2.0], [3.0, 4.0]]).transpose();
    let back = npy::from_bytes(&npy::to_bytes(&view)).unwrap();
    assert_eq!(back.to_vec::<f64>(), [1.0, 3.0, 2.0, 4.0]);
}

#[test]
fn npz_forms_of_numpy() {
    for file in ["weights.npz", "piped.npz", "zip64.npz"] {
        let mut archive = Archive::open(golden(file)).unwrap();
        assert_eq!(archive.names().collect::<Vec<_>>(), ["l1/W", "l1/b"]);
        let headers = archive.headers().unwrap();
        assert_eq!(headers[0].1.shape.as_slice(), [2, 2], "{file}");
        assert_eq!(headers[0].1.dtype, DType::F32);
        let b = archive.read("l1/b").unwrap();
        assert_eq!(b.to_vec::<i64>(), [5, 6]);
        let w = archive.read("l1/W").unwrap();
        assert_eq!(w.to_vec::<f32>(), [1.0, 2.0, 3.0, 4.0]);
        let error = archive.read("l2/W").unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with(r#""l2/W": no array of this name; there are ["l1/W", "l1/b"]"#)
        );
        assert_eq!(error.path(), Some(golden(file).as_path()));
    }
    assert!(npz::load(golden("none.npz")).unwrap().is_empty());
}

#[test]
fn npz_round_trip() {
    let w = Array::new([[1.0f32, 2.0], [3.0, 4.0]]);
    let arrays = [
        ("block/0/W", w.clone()),
        ("block/0/W.T", w.transpose()),
        ("ünï", Array::new(true)),
        ("zeros", Array::zeros([100, 100], DType::F64)),
        ("", Array::zeros([0, 2], DType::I64)),
    ];
    for compression in [Compression::Stored, Compression::Deflated] {
        let mut file = Cursor::new(Vec::new());
        npz::write(&mut file, arrays.iter().map(|(n, a)| (n, a)), compression).unwrap();
        let bytes = file.into_inner();
        assert_eq!(bytes.len() < 10_000, compression == Compression::Deflated);
        let back = npz::from_bytes(&bytes).unwrap();
        assert_eq!(back.len(), arrays.len());
        for ((name, array), (back_name, back_array)) in arrays.iter().zip(&back) {
            assert_eq!(name, back_name);
            assert_eq!(npy::to_bytes(array), npy::to_bytes(back_array));
        }
    }
    let twice = [("a", w.clone()), ("a", w)];
    let error = npz::write(Cursor::new(Vec::new()), twice, Compression::Stored).unwrap_err();
    assert_eq!(error.to_string(), r#""a": two arrays have this name"#);
}

#[test]
fn errors_name_the_file_and_the_entry() {
    for (file, message) in [
        ("complex.npy", r#"elements of type "<c16"; expected"#),
        ("text.npy", r#"elements of type "<U4"; expected"#),
        ("fields.npy", "elements of type \"[(\\'a\\', \\'<i4\\')"),
        ("objects.npy", r#"elements of type "|O"; expected"#),
        (
            "too_large_u8.npy",
            "value 9223372036854775808 does not fit into int64",
        ),
        ("weights.npz", r#"not a npy array: starts with "PK\x03\x04"#),
        ("missing.npy", "No such file"),
    ] {
        let error = npy::load(golden(file)).unwrap_err();
        assert_eq!(error.path(), Some(golden(file).as_path()));
        let expected = format!("{}: {message}", golden(file).display());
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    let error = npz::load(golden("scalar_f8.npy")).unwrap_err().to_string();
    assert!(error.contains("not a npz (zip) archive"), "{error}");

    // A fault inside an entry names the entry.
    let mut bytes = bytes_of("weights.npz");
    let place = bytes.windows(4).position(|b| b == b"<f4'").unwrap();
    bytes[place + 1] = b'c';
    let error = npz::from_bytes(&bytes).unwrap_err();
    assert_eq!(error.entry(), Some("l1/W"));
    assert!(matches!(error.kind(), ErrorKind::UnsupportedType { .. }));
}

fn npy_with(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
    bytes.extend((header.len() as u32).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn hostile_headers() {
    let with_shape =
        |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    for shape in [
        "(1000000000000,)",
        "(4611686018427387904, 4)",
        "(0, 9223372036854775807, 9223372036854775807)",
        "(0, 3000000000000000000)",
        "(18446744073709551616,)",
        "(-1,)",
        "(1.5,)",
        "(True,)",
        "(1, 2",
        "((1,),)",
        "(1,,)",
        "2",
    ] {
        let bytes = npy_with(&with_shape(shape), &[0; 8]);
        npy::from_bytes(&bytes).expect_err(shape);
        npy::read(&mut &bytes[..]).expect_err(shape);
    }
    let many_axes = format!("({})", "1,".repeat(65));
    npy::from_bytes(&npy_with(&with_shape(&many_axes), &[0; 4])).unwrap_err();
    for header in [
        "",
        "{",
        "{}",
        "{'descr': '<f4'}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'extra': ()}",
        "{'descr: '<f4', 'fortran_order': False, 'shape': ()}",
    ] {
        npy::from_bytes(&npy_with(header, &[0; 4])).expect_err(header);
    }
    // A header said to be of 4 GB.
    npy::from_bytes(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'").unwrap_err();
    npy::from_bytes(b"\x93NUMPY\x09\x00\x10\x00").unwrap_err();
    // Data of another length than the shape takes.
    let error = npy::from_bytes(&npy_with(&with_shape("(2, 3)"), &[0; 25])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "shape [2, 3] takes 24 bytes of float32, found 25"
    );
    let short = npy_with(&with_shape("(2, 3)"), &[0; 23]);
    let error = npy::read(&mut &short[..]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "shape [2, 3] takes 24 bytes of float32, found 23"
    );
}

#[test]
fn hostile_archives() {
    let array = Array::new([1.0f32, 2.0]);
    let entry_at = |bytes: &[u8], signature: &[u8], n: usize| {
        let mut places = bytes
            .windows(4)
            .enumerate()
            .filter(|(_, b)| *b == signature);
        places.nth(n).unwrap().0
    };
    let pack = |names: [&str; 2], compression| {
        let mut file = Cursor::new(Vec::new());
        npz::write(&mut file, names.map(|name| (name, &array)), compression).unwrap();
        file.into_inner()
    };
    let sound = pack(["a", "b"], Compression::Stored);
    assert_eq!(npz::from_bytes(&sound).unwrap().len(), 2);

    // Two entries of one name: in the local header and in the table of contents.
    let mut twice = sound.clone();
    for signature in [b"PK\x03\x04", b"PK\x01\x02"] {
        let second = entry_at(&twice, signature, 1);
        let name = second + if signature == b"PK\x03\x04" { 30 } else { 46 };
        assert_eq!(twice[name], b'b');
        twice[name] = b'a';
    }
    let error = npz::from_bytes(&twice).unwrap_err().to_string();
    assert!(error.contains("duplicate"), "{error}");
    // `abcd.npy` and `abcd` are one name too.
    let mut same = pack(["abcd", ""], Compression::Stored);
    for (signature, name) in [(b"PK\x03\x04", 30), (b"PK\x01\x02", 46)] {
        let name = entry_at(&same, signature, 1) + name;
        same[name..name + 4].copy_from_slice(b"abcd");
    }
    let error = npz::from_bytes(&same).unwrap_err();
    assert_eq!(error.to_string(), r#""abcd": two arrays have this name"#);

    // Both entries of the table of contents point to the same data.
    let mut overlap = sound.clone();
    let second = entry_at(&overlap, b"PK\x01\x02", 1);
    overlap[second + 42..second + 46].fill(0);
    npz::from_bytes(&overlap).unwrap_err();

    // An entry said to unpack to far more than it can.
    let mut bomb = pack(["a", "b"], Compression::Deflated);
    for (signature, place) in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)] {
        let entry = entry_at(&bomb, signature, 0);
        bomb[entry + place..entry + place + 4].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    }
    let error = npz::from_bytes(&bomb).unwrap_err();
    assert_eq!(error.entry(), Some("a"));
    assert!(
        error.to_string().contains("declares 2147483647 bytes"),
        "{error}"
    );

    // A flipped bit in the data meets the checksum.
    let mut flipped = sound.clone();
    let place = flipped
        .windows(4)
        .position(|b| b == 2f32.to_le_bytes())
        .unwrap();
    flipped[place] ^= 1;
    let error = npz::from_bytes(&flipped).unwrap_err();
    assert_eq!(error.entry(), Some("a"));
    assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error}");
}

/// A few thousand variations of sound bytes: every truncation, every flipped bit of some, junk.
fn every_fault(sound: &[u8], read: impl Fn(&[u8]) -> bool) {
    assert!(read(sound));
    for length in 0..sound.len() {
        assert!(!read(&sound[..length]), "read the first {length} bytes");
    }
    let mut bytes = sound.to_vec();
    for place in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            bytes[place] ^= flip;
            read(&bytes);
            bytes[place] ^= flip;
        }
    }
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        (state >> 33) as usize
    };
    for _ in 0..2000 {
        let mut bytes = sound.to_vec();
        for _ in 0..1 + random() % 8 {
            let place = random() % bytes.len();
            bytes[place] = random() as u8;
        }
        read(&bytes);
        let junk: Vec<u8> = (0..random() % 300).map(|_| random() as u8).collect();
        assert!(!read(&junk));
        let kept = random() % 40;
        read(&[&sound[..kept], &junk].concat());
    }
}

#[test]
fn no_fault_panics_npy() {
    let array = Array::new([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    every_fault(&npy::to_bytes(&array), |bytes| {
        npy::read(&mut &bytes[..]).ok();
        npy::from_bytes(bytes).is_ok()
    });
}

#[test]
fn no_fault_panics_npz() {
    for file in ["weights.npz", "piped.npz", "zip64.npz"] {
        every_fault(&bytes_of(file), |bytes| {
            if let Ok(mut archive) = Archive::new(Cursor::new(bytes)) {
                archive.headers().ok();
                for name in archive.names().map(str::to_owned).collect::<Vec<_>>() {
                    archive.read_bytes(&name).ok();
                }
            }
            npz::from_bytes(bytes).is_ok()
        });
    }
}

#[test]
fn a_failed_save_leaves_the_old_file() {
    let folder = Folder::new("failed-save");
    let path = folder.0.join("weights.npz");
    let old = Array::new([1.0, 2.0]);
    npz::save(&path, [("W", &old)]).unwrap();
    let failing = [("W", Array::new([3.0])), ("W", Array::new([4.0]))];
    let error = npz::save(&path, failing).unwrap_err();
    assert_eq!(error.path(), Some(path.as_path()));
    let kept = npz::load(&path).unwrap();
    assert_eq!(kept[0].1.to_vec::<f64>(), [1.0, 2.0]);
    let files = std::fs::read_dir(&folder.0).unwrap().count();
    assert_eq!(files, 1, "no temporary file stays");
    npy::save(folder.0.join("none/x.npy"), &old).unwrap_err();
    npy::save(&folder.0, &old).unwrap_err();
}

#[test]
fn files_that_are_cut_off_or_empty_say_so() {
    let bytes = bytes_of("weights.npz");
    let message = |bytes| npz::from_bytes(bytes).unwrap_err().to_string();
    let cut = "not a sound zip archive: its table of contents, which comes last, is missing: is it cut off?";
    assert_eq!(message(&bytes[..bytes.len() / 2]), cut);
    assert_eq!(message(&bytes[..bytes.len() - 1]), cut);
    let empty = "not a npz (zip) archive: starts with nothing at all";
    assert_eq!(message(&[]), empty);
}

/// Takes so many bytes, and no more.
struct Full {
    disk: Cursor<Vec<u8>>,
    room: u64,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.disk.position() + bytes.len() as u64 > self.room {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "the disk is full",
            ));
        }
        self.disk.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Full {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.disk.seek(to)
    }
}

const IS_CHILD: &str = "DEZERO_WRITES_TO_FULL_DISKS";

#[test]
fn a_full_disk_is_an_error_and_prints_nothing() {
    // What a library prints is seen from outside alone.
    if std::env::var_os(IS_CHILD).is_none() {
        let test = "a_full_disk_is_an_error_and_prints_nothing";
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(IS_CHILD, "1")
            .output()
            .unwrap();
        assert!(child.status.success(), "{child:?}");
        assert_eq!(String::from_utf8_lossy(&child.stderr), "");
        return;
    }
    let arrays = [
        ("W", Array::new([1.0, 2.0])),
        ("b", Array::ones([500], DType::F64)),
    ];
    for compression in [Compression::Stored, Compression::Deflated] {
        let mut whole = Cursor::new(Vec::new());
        npz::write(&mut whole, arrays.clone(), compression).unwrap();
        for room in 0..whole.get_ref().len() as u64 {
            let disk = Cursor::new(Vec::new());
            let full = Full { disk, room };
            let error = npz::write(full, arrays.clone(), compression).unwrap_err();
            assert!(error.to_string().contains("the disk is full"), "{error}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_save_keeps_permissions_and_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new("permissions");
    let (path, link) = (folder.0.join("x.npy"), folder.0.join("link.npy"));
    npy::save(&path, &Array::new([1.0])).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    symlink(&path, &link).unwrap();
    npy::save(&link, &Array::new([2.0])).unwrap();
    assert!(link.is_symlink());
    assert_eq!(npy::load(&path).unwrap().to_vec::<f64>(), [2.0]);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn real_weights_of_numpy() {
    let data = std::env::var_os("DEZERO_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = data.join("squeezenet/squeezenet_v1.0_dc.npz");
    if !path.exists() {
        eprintln!("SKIPPED: no {}; set DEZERO_DATA", path.display());
        return;
    }
    let weights = npz::load(&path).unwrap();
    let size: usize = weights.iter().map(|(_, array)| array.size()).sum();
    assert_eq!((weights.len(), size), (52, 1_248_424));
}

#[test]
fn safetensors_types() {
    let arrays = safetensors::load(golden("types.safetensors")).unwrap();
    assert_eq!(arrays.len(), 15);
    for (name, array) in arrays {
        let (dtype, shape, expected): (_, &[usize], &[f64]) = match name.as_str() {
            "BOOL" => (DType::Bool, &[2, 3], &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]),
            "scalar/F32" => (DType::F32, &[], &[2.5]),
            "empty" => (DType::F32, &[0, 3], &[]),
            name => {
                let dtype = match name {
                    "F64" => DType::F64,
                    "F32" | "F16" | "BF16" => DType::F32,
                    _ => DType::I64,
                };
                (dtype, &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
            }
        };
        assert_eq!((array.dtype(), array.shape()), (dtype, shape), "{name}");
        assert_eq!(as_f64(&array), expected, "{name}");
    }
}

#[test]
fn safetensors_round_trip_and_faults() {
    let folder = Folder::new("safetensors");
    let path = folder.0.join("model.safetensors");
    let w = Array::new([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let arrays = [
        ("l1/W", w.transpose()),
        ("l1/b", Array::new([true, false])),
        ("scalar", Array::new(7)),
        ("x", Array::zeros([2, 0], DType::F64)),
    ];
    safetensors::save(&path, arrays.iter().map(|(n, a)| (n, a))).unwrap();
    let back = safetensors::load(&path).unwrap();
    assert_eq!(back.len(), arrays.len());
    for (name, array) in &arrays {
        let (_, read) = back.iter().find(|(other, _)| other == name).unwrap();
        assert_eq!(npy::to_bytes(read), npy::to_bytes(array), "{name}");
    }
    let bytes = std::fs::read(&path).unwrap();
    every_fault(&bytes, |bytes| safetensors::from_bytes(bytes).is_ok());

    let error = safetensors::to_bytes([("a", &w), ("a", &w)]).unwrap_err();
    assert_eq!(error.to_string(), r#""a": two arrays have this name"#);
    let error = safetensors::load(golden("weights.npz")).unwrap_err();
    assert_eq!(error.path(), Some(golden("weights.npz").as_path()));
    for header in [
        r#"{"a":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[0,4611686018427387904,9],"data_offsets":[0,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}"#,
        r#"{"a":{"dtype":"C64","shape":[0],"data_offsets":[0,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#,
    ] {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        safetensors::from_bytes(&bytes).expect_err(header);
    }
}
