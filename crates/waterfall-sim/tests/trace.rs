//! Traces: good ones are played, bad ones refused with the line that is to blame.

use std::io::Cursor;
use std::sync::atomic::AtomicBool;

use waterfall_sim::{Log, Options, Population, TRACE_HEADER, TraceError, read_trace, run};

fn read(text: impl AsRef<[u8]>) -> Result<u32, TraceError> {
    read_trace(Cursor::new(text.as_ref().to_vec()), 1, &Population::default(), 60).map(|(_, nodes)| nodes)
}

#[test]
fn a_trace_is_played() {
    let mut text = format!("{TRACE_HEADER}\n# comments and empty lines are passed over\n\n");
    for number in 0..30 {
        let leave = if number % 3 == 0 { (40_000 + number * 100).to_string() } else { String::new() };
        text += &format!("{},{leave},{},{},{},{}\r\n", number * 500, 8_000, u8::from(number % 4 == 1), number, -2.5);
    }
    let population = Population::default();
    let (plan, nodes) = read_trace(Cursor::new(text), 5, &population, 60).unwrap();
    assert_eq!(nodes, 30);
    let options = Options { seed: 5, ..Options::default() };
    let report = run("trace", nodes, options, plan, &mut Log::default(), &AtomicBool::new(false), |_| ()).unwrap();
    assert_eq!((report.present, report.violations), (21, 0), "{:?}", report.failures);
}

#[test]
fn errors_name_the_line() {
    let good = "0,100,5000,0,1,2";
    for (line, why) in [
        ("0,100,5000,0,1", "5 fields"),
        ("0,100,5000,0,1,2,3", "7 fields"),
        ("x,100,5000,0,1,2", "join_ms 'x'"),
        ("-1,100,5000,0,1,2", "join_ms '-1'"),
        ("0,0,5000,0,1,2", "not after"),
        ("0,99999999999999999999,5000,0,1,2", "leave_ms"),
        ("0,40000000000,5000,0,1,2", "more than a year"),
        ("0,100,5e3,0,1,2", "uplink_kbps"),
        ("0,100,5000,maybe,1,2", "leaf_only 'maybe'"),
        ("0,100,5000,0,NaN,2", "x is not within"),
        ("0,100,5000,0,1,inf", "y is not within"),
        ("0,100,5000,0,1,\u{1b}[31m", "y '\u{fffd}[31m'"),
    ] {
        let error = read(format!("{good}\n{line}\n")).unwrap_err().to_string();
        assert!(error.starts_with("line 2: ") && error.contains(why), "{line}: {error}");
    }
}

#[test]
fn hostile_files_are_refused_without_being_kept() {
    let long = read(vec![b'7'; 1 << 20]).unwrap_err();
    assert!(matches!(long, TraceError::Line { line: 1, .. }), "{long}");
    let binary = read([0xff, 0xfe, b'\n']).unwrap_err();
    assert_eq!(binary.to_string(), "line 1: not UTF-8");
    assert_eq!(read(format!("\u{feff}{TRACE_HEADER}\r\n0,,5000,0,1,2\r\n")).unwrap(), 1, "a byte order mark");
    assert!(matches!(read(""), Err(TraceError::Empty)));
    assert!(matches!(read(format!("{TRACE_HEADER}\n")), Err(TraceError::Empty)));
    let late = read(format!("0,,1,0,0,0\n{TRACE_HEADER}\n")).unwrap_err();
    assert!(late.to_string().starts_with("line 2"), "a header belongs at the top: {late}");
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _either = read(bytes);
    }

    #[test]
    fn any_numbers_are_read_or_refused(join: u64, leave: u64, uplink: u64, x: f64, y: f64) {
        let _either = read(format!("{join},{leave},{uplink},0,{x},{y}"));
    }
}
