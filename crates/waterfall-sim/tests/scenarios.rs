//! Every scenario, small, by fixed seeds: nothing that must not be, and figures that say what happened.

use waterfall_sim::{Options, Population, Report, SCENARIOS, Sample, Strategy};

use crate::support::{report, size};

/// What must hold of every room, whatever was done to it.
fn assert_whole(report: &Report) {
    let name = format!("{}, seed {}", report.scenario, report.seed);
    assert_eq!(report.violations, 0, "{name}: {:?}", report.failures);
    let last: Sample = *report.samples.last().unwrap();
    assert_eq!(last.present, report.present, "{name}");
    assert!(report.tree.height >= report.tree.optimal_height, "{name}: lower than can be");
    assert!(report.traffic.link_control > 0.0 && report.traffic.kinds.iter().any(|kind| kind.kind == "mark"), "{name}");
}

/// Every scenario in rooms of this size, each by so many seeds.
fn run_all(nodes: u32, seeds: u64, options: &Options) {
    for (number, scenario) in SCENARIOS.iter().enumerate() {
        for seed in 1..=seeds {
            let options = Options { seed: seed + number as u64 * 10, ..options.clone() };
            let report = report(scenario.name, options, &size(nodes, 100));
            assert_whole(&report);
            let comes_and_goes = scenario.name.starts_with("churn");
            // Where nobody leaves, nobody may be without the stream at the end; else some have only just joined.
            let allowed = if comes_and_goes { u64::from(nodes) / 20 } else { 0 };
            assert!(report.viewing.unserved <= allowed, "{} {seed}: {}", scenario.name, report.viewing.unserved);
        }
    }
}

#[test]
fn every_scenario_ends_with_everyone_watching_and_is_right_after_every_event() {
    run_all(80, 4, &Options { every_event: true, ..Options::default() });
}

#[test]
fn larger_rooms_end_with_everyone_watching() {
    run_all(400, 2, &Options::default());
}

#[test]
fn a_lossy_network_is_survived() {
    run_all(80, 2, &Options { loss: 0.02, jitter: 0.2, ..Options::default() });
}

#[test]
fn a_room_of_participants_far_apart_fills_within_the_bound() {
    let population = Population { round_trip_ms: 300.0, ..Population::default() };
    let report = report("growth", Options { seed: 1, population, ..Options::default() }, &size(150, 60));
    assert_eq!((report.violations, report.viewing.unserved), (0, 0), "{:?}", report.failures);
}

#[test]
fn whoever_moves_without_a_gap_gets_some_of_it_twice() {
    let repeated = |strategy| {
        let viewing = report("leave-30", Options { seed: 4, strategy, ..Options::default() }, &size(100, 60)).viewing;
        (viewing.packets_repeated, viewing.moves_per_participant_hour)
    };
    let (packets, moves) = repeated(Strategy::Waterfall);
    assert!(moves > 0.0 && packets > 1_000, "{packets} {moves}");
    // Who joins anew is fed by one at a time.
    assert_eq!(repeated(Strategy::Random).0, 0);
}

#[test]
fn losses_make_joins_slower_and_messages_more() {
    let joined = |loss| report("growth", Options { seed: 12, loss, ..Options::default() }, &size(200, 60)).joins;
    let (clean, lossy) = (joined(0.0), joined(0.1));
    assert!(lossy.attached_ms.mean > clean.attached_ms.mean * 1.2, "{lossy:?} {clean:?}");
}

#[test]
fn false_alarms_are_taken_back() {
    // So lossy that three of a standby's fillers in a row are lost each minute.
    // Setting up a link takes many tries then.
    let options = Options { seed: 13, loss: 0.25, gap_bound: 60_000_000, ..Options::default() };
    let report = report("growth", options, &size(60, 200));
    assert_eq!(report.violations, 0, "{:?}", report.failures);
    assert_eq!(report.viewing.unserved, 0);
}

#[test]
fn uploads_without_room_to_spare_are_survived() {
    for seed in 1..=3 {
        let report = report("relays", Options { seed, strict_uplinks: true, ..Options::default() }, &size(150, 100));
        assert_whole(&report);
        assert_eq!(report.viewing.unserved, 0);
    }
}

#[test]
fn orphans_are_told_apart_by_their_standby() {
    let viewing = report("die-30", Options { seed: 21, ..Options::default() }, &size(300, 60)).viewing;
    let (with, without, lost) =
        (viewing.gap_with_standby_ms, viewing.gap_without_standby_ms, viewing.gap_standby_lost_ms);
    assert_eq!(with.count + without.count + lost.count, viewing.gap_of_orphans_ms.count);
    assert!(with.count > 0 && lost.count > 0, "{viewing:?}");
    assert!(with.p50 < lost.p50, "a standby helps: {with:?} {lost:?}");
    let frames =
        viewing.frames_lost_with_standby + viewing.frames_lost_without_standby + viewing.frames_lost_standby_lost;
    assert!(frames <= viewing.frames_lost);
}

#[test]
fn a_room_without_places_is_no_fault_of_the_tree() {
    let mut options = Options { seed: 3, ..Options::default() };
    options.population.leaf_share = 1.0;
    let report = report("growth", options, &size(20, 60));
    assert_eq!((report.tree.unplaceable, report.viewing.unserved, report.joins.unfinished), (16, 16, 16));
    assert_eq!(report.violations, 0, "{:?}", report.failures);
    assert!(report.joins.attached_ms.max > 40_000.0, "who never gets in counts with the time waited");
}

#[test]
fn a_room_at_rest_has_no_faults_to_show() {
    let report = report("growth", Options { seed: 3, ..Options::default() }, &size(100, 100));
    assert_whole(&report);
    assert_eq!(report.present, 101);
    assert_eq!(report.joins.first_packet_ms.count, 100);
    assert_eq!(report.viewing.gap_per_lost_ancestor_ms.count, 0);
    assert_eq!((report.viewing.frames_lost, report.viewing.parents_lost), (0, 0));
    assert!(report.tree.stretch.p50 >= 1.0);
}

#[test]
fn a_dead_first_tier_is_felt_by_everyone_below_and_by_nobody_for_nothing() {
    let report = report("first-tier", Options { seed: 5, ..Options::default() }, &size(100, 60));
    assert_whole(&report);
    let gone = 101 - u64::from(report.present);
    assert!((1..=6).contains(&gone), "{gone} died");
    let felt = report.viewing.gap_per_lost_ancestor_ms;
    assert_eq!(felt.count, u64::from(report.present) - 1, "all who are left lost an ancestor");
    // Nobody can notice sooner than the engine does, nor be fed sooner than after a round trip.
    assert!(felt.p50 > 60.0 && felt.max < 30_000.0, "{felt:?}");
}

#[test]
fn the_way_around_the_codec_changes_nothing() {
    let run = |skip_codec| report("die-30", Options { seed: 9, skip_codec, ..Options::default() }, &size(60, 60));
    let (through, around) = (run(false), run(true));
    assert_eq!(through.run.digest, around.run.digest);
    assert_eq!(through.traffic.link_control, around.traffic.link_control);
}

#[test]
fn links_that_stall_now_and_then_cost_no_frame() {
    let options = Options { seed: 4, outages_per_hour: 60.0, ..Options::default() };
    let report = report("growth", options, &size(60, 120));
    assert_whole(&report);
    assert!(report.viewing.gaps_ms.count > 10, "{:?}", report.viewing.gaps_ms);
    assert_eq!(report.viewing.frames_lost, 0);
}

#[test]
fn what_is_wrong_is_found() {
    let run = |options| report("die-30", options, &size(60, 60));
    let impatient = run(Options { seed: 2, gap_bound: 20_000, ..Options::default() });
    assert!(impatient.violations > 0 && impatient.failures[0].contains("saw nothing"), "{:?}", impatient.failures);
    let stingy = run(Options { seed: 2, traffic_bound: 10.0, ..Options::default() });
    assert!(stingy.failures.iter().any(|what| what.contains("control messages")), "{:?}", stingy.failures);
}
