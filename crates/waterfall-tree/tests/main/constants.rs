//! The table of constants in docs/tree.md is that of the code.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Codes of another standard.
const FOREIGN: &str = "proximity";

/// `Duration::from_secs(5)` as `5 s`, and so on; what is not a plain number stands as it is written.
fn value(written: &str) -> String {
    let number = |of: &str| of.replace('_', "");
    let span = |name: &str| written.strip_prefix(name).and_then(|rest| rest.strip_suffix(')'));
    if let Some(seconds) = span("Duration::from_secs(") {
        format!("{} s", number(seconds))
    } else if let Some(millis) = span("Duration::from_millis(") {
        format!("{} ms", number(millis))
    } else if written.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
        number(written)
    } else {
        format!("`{written}`")
    }
}

/// The constants of one source file, without those of its tests.
fn constants(module: &str, source: &str) -> Vec<(String, String)> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let constant = |line: &str| {
        let rest = line.strip_prefix("pub(crate) ").or(line.strip_prefix("pub ")).unwrap_or(line);
        let (head, written) = rest.strip_prefix("const ")?.strip_suffix(';')?.split_once(" = ")?;
        let name = head.split_once(':')?.0;
        let name = if module == "config" { name.to_owned() } else { format!("{module}::{name}") };
        Some((name, value(written)))
    };
    source.lines().filter_map(constant).collect()
}

#[test]
fn the_table_of_constants_is_that_of_the_code() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = BTreeMap::new();
    for entry in fs::read_dir(here.join("src")).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if module != FOREIGN {
            code.extend(constants(&module, &fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(code.len() > 80, "the sources were not understood");
    let page = fs::read_to_string(here.join("../../docs/tree.md")).unwrap();
    let table = page.split("## Constants").nth(1).unwrap().split("\n## ").next().unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.splitn(3, " | ");
        let name = cells.next()?.trim_end_matches('`').to_owned();
        let value = cells.next()?.to_owned();
        assert!(cells.next().is_some_and(|why| why.len() > 10), "{name} without a reason");
        Some((name, value))
    };
    let told: BTreeMap<String, String> = table.lines().filter_map(row).collect();
    assert_eq!(told, code);
}
