//! The other schemes run under the same conditions, and show what they are known for.

use waterfall_sim::{Options, Report, Strategy};

use crate::support::{report, size};

fn by(strategy: Strategy) -> Report {
    let options = Options { seed: 6, strategy, checks: strategy == Strategy::Waterfall, ..Options::default() };
    report("relays", options, &size(60, 120))
}

#[test]
fn a_standby_is_faster_than_repair_and_both_than_the_prototype() {
    let waterfall = by(Strategy::Waterfall);
    let median = |report: &Report| report.viewing.gap_per_lost_ancestor_ms.p50;
    let (ours, reactive, random, prototype) = (
        median(&waterfall),
        median(&by(Strategy::Reactive)),
        median(&by(Strategy::Random)),
        median(&by(Strategy::Prototype)),
    );
    assert_eq!(waterfall.violations, 0, "{:?}", waterfall.failures);
    assert!(ours < reactive && reactive < prototype, "{ours} {reactive} {prototype}");
    assert!(ours < random, "{ours} {random}");
    // A browser notices after 7.4 s.
    assert!(prototype > 7_400.0, "{prototype}");
}
