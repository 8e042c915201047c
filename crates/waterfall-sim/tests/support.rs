//! Short runs.

use std::sync::atomic::AtomicBool;

use waterfall_sim::{Log, Options, Plan, Report, Scenario, Size, run};

/// A small room that is watched for less long than the command would.
pub(crate) fn size(nodes: u32, after: u64) -> Size {
    Size { after, ramp: 20, ..Size::of(nodes) }
}

pub(crate) fn plan(name: &str, options: &Options, size: &Size) -> Plan {
    Scenario::named(name).unwrap().plan(options.seed, &options.population, size)
}

pub(crate) fn logged(name: &str, options: Options, size: &Size, mut log: Log) -> (Report, Log) {
    let plan = plan(name, &options, size);
    let report = run(name, size.nodes, options, plan, &mut log, &AtomicBool::new(false), |_| ()).unwrap();
    log.finish().unwrap();
    (report, log)
}

pub(crate) fn report(name: &str, options: Options, size: &Size) -> Report {
    logged(name, options, size, Log::default()).0
}
