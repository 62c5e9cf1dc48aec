//! Files fetched from the public mirrors of data sets.

use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// The largest of the files has 26 MB.
const LARGEST: u64 = 64 << 20;

/// Puts the gzip file at the first of `urls` that has it into `path`.
///
/// The mirrors are asked over plain HTTP: what makes the file the right one is the SHA-256 of what
/// is in it. A file that is already there is replaced as a whole, or not at all.
pub(super) fn fetch_gzip(urls: &[String], path: &Path, sha256: &str) -> Result<()> {
    let mut last = None;
    for url in urls {
        match fetch(url).and_then(|bytes| check(&bytes, sha256).map(|()| bytes)) {
            Ok(bytes) => return save(path, &bytes),
            Err(reason) => {
                last = Some(Error::Download {
                    url: url.clone(),
                    reason,
                });
            }
        }
    }
    Err(last.expect("at least one mirror"))
}

fn fetch(url: &str) -> Result<Vec<u8>, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_recv_body(Some(Duration::from_secs(600)))
        .build()
        .into();
    let response = agent.get(url).call().map_err(|e| e.to_string())?;
    let mut body = response.into_body();
    let size = body.content_length();
    let file = url.rsplit('/').next().unwrap_or(url);
    let bar = ProgressBar::new(size.unwrap_or(0))
        .with_message(file.to_owned())
        .with_style(
            ProgressStyle::with_template(
                "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            )
            .expect("a sound template"),
        );
    if bar.is_hidden() {
        eprintln!("Fetching {url}");
    }
    let mut bytes = Vec::new();
    bar.wrap_read(body.as_reader())
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| e.to_string())?;
    bar.finish_and_clear();
    match size {
        _ if bytes.len() as u64 > LARGEST => Err(format!("more than {LARGEST} bytes")),
        Some(size) if size != bytes.len() as u64 => {
            Err(format!("{} bytes arrived of {size}", bytes.len()))
        }
        _ => Ok(bytes),
    }
}

fn check(gzip: &[u8], sha256: &str) -> Result<(), String> {
    let mut hash = Sha256::new();
    let mut decoder = MultiGzDecoder::new(gzip).take(16 * LARGEST);
    let mut block = [0; 1 << 14];
    loop {
        match decoder
            .read(&mut block)
            .map_err(|e| format!("what arrived is not gzip: {e}"))?
        {
            0 => break,
            n => hash.update(&block[..n]),
        }
    }
    let found: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match found == sha256 {
        true => Ok(()),
        false => Err(format!(
            "the contents have SHA-256 {found}, expected {sha256}"
        )),
    }
}

fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    }
    dezero_array::write_atomically(path, |file| Ok(file.write_all(bytes)?))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const TEXT_SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; // of "hello"

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    /// A server on this machine that answers one request; its address.
    fn serve(status: &'static str, body: Vec<u8>, claimed: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a.gz", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {claimed}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        });
        url
    }

    fn failure(urls: &[String]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/a.gz");
        let error = fetch_gzip(urls, &path, TEXT_SHA256).unwrap_err();
        assert!(!path.exists());
        assert!(matches!(error, Error::Download { .. }));
        error.to_string()
    }

    #[test]
    fn the_second_mirror_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/a.gz");
        let body = gzip(b"hello");
        let urls = [
            serve("404 Not Found", vec![], 0),
            serve("200 OK", body.clone(), body.len()),
        ];
        fetch_gzip(&urls, &path, TEXT_SHA256).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), body);
    }

    #[test]
    fn what_arrives_is_another_file() {
        let body = gzip(b"hallo");
        let n = body.len();
        let error = failure(&[serve("200 OK", body, n)]);
        assert!(
            error.contains(&format!("expected {TEXT_SHA256}")),
            "{error}"
        );
        let error = failure(&[serve("200 OK", b"<html>".to_vec(), 6)]);
        assert!(error.contains("not gzip"), "{error}");
    }

    #[test]
    fn the_connection_breaks_off() {
        let body = gzip(b"hello");
        let n = body.len();
        failure(&[serve("200 OK", body[..n - 3].to_vec(), n)]);
        let error = failure(&["http://127.0.0.1:1/a.gz".to_owned()]);
        assert!(error.starts_with("http://127.0.0.1:1/a.gz: "), "{error}");
    }
}
