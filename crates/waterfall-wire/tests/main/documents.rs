//! `docs/protocol.md` says the same limits as the code.

use std::path::Path;

use crate::samples::kinds;

#[test]
fn the_table_of_limits_is_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, table) = text.split_once("## 16. Limits").unwrap();
    let cells: Vec<&str> = table.lines().flat_map(|line| line.split('|')).map(str::trim).collect();
    for kind in kinds() {
        let at = cells.iter().position(|cell| *cell == kind.name);
        let at = at.unwrap_or_else(|| panic!("{} is not in the table", kind.name));
        // '3 072', or '8 192, by kind'.
        let (number, _) = cells[at + 1].split_once(',').unwrap_or((cells[at + 1], ""));
        assert_eq!(number.replace(' ', ""), kind.max_len.to_string(), "{}", kind.name);
    }
}
