//! `tests/vectors/*.json`: bytes that must never change within a protocol version, for us and for
//! other implementations.
//!
//! After a deliberate change of the protocol, write them anew and read the difference:
//! `WATERFALL_WRITE_VECTORS=1 cargo test -p waterfall-wire vectors`

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use waterfall_wire::PROTOCOL_VERSION;

use crate::describe::hex;
use crate::samples::{Kind, kinds};

fn path(kind: &Kind) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(kind.file).with_extension("json")
}

fn document(kind: &Kind) -> Value {
    let cases: Vec<Value> = kind
        .cases
        .iter()
        .map(|case| json!({ "name": case.name, "fields": case.fields, "hex": hex(&case.bytes) }))
        .collect();
    json!({ "type": kind.name, "version": PROTOCOL_VERSION, "cases": cases })
}

#[test]
fn the_files_hold_what_the_code_writes_and_decode_to_the_same_values() {
    for kind in kinds() {
        if std::env::var_os("WATERFALL_WRITE_VECTORS").is_some() {
            std::fs::write(path(&kind), format!("{:#}\n", document(&kind))).unwrap();
        }
        let text = std::fs::read_to_string(path(&kind)).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(file, document(&kind), "{} differs from its vectors", kind.file);

        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), kind.cases.len());
        for (stored, case) in cases.iter().zip(&kind.cases) {
            let bytes = HEXLOWER.decode(stored["hex"].as_str().unwrap().as_bytes()).unwrap();
            assert!((case.is_decoded_from)(&bytes), "{}: {} decodes to another value", kind.file, case.name);
        }
    }
}

#[test]
fn every_file_belongs_to_a_type() {
    let known: Vec<PathBuf> = kinds().iter().map(path).collect();
    for file in std::fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")).unwrap() {
        let file = file.unwrap().path();
        assert!(known.contains(&file), "{} is checked by nothing", file.display());
    }
}
