//! `waterfall doctor`: what works on this machine and in this network, what does not, and what to do.

mod dht;
mod files;
mod machine;
mod network;
mod report;

use std::time::Duration;

use crate::cli::DoctorArgs;
use crate::common::bootstrap_addresses;
use crate::exit::Failure;
use crate::interrupt::interrupted;
use crate::output::print_json;
use report::Report;

/// How long another node may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Looks at everything; succeeds if nothing is a problem.
pub(crate) async fn run(args: DoctorArgs, json: bool) -> Result<(), Failure> {
    let bootstrap = bootstrap_addresses(&args.network)?;
    let mut report = Report::new(json);
    tokio::select! {
        done = examine(&args, &bootstrap, &mut report) => done?,
        () = interrupted() => return Err(Failure::Interrupted),
    }
    if json {
        print_json(&report.summary())?;
    }
    match report.problems() {
        0 => Ok(()),
        1 => Err(Failure::sentence("there is a problem; see above for what to do")),
        problems => Err(Failure::sentence(format_args!("there are {problems} problems; see above for what to do"))),
    }
}

async fn examine(
    doctor: &DoctorArgs,
    bootstrap: &[(String, Vec<waterfall::Multiaddr>)],
    report: &mut Report,
) -> Result<(), Failure> {
    let args = &doctor.network;
    let clock = machine::Clock::start();
    report.add(machine::interfaces(&args.listen))?;
    for finding in network::ports(&args.listen, args.port) {
        report.add(finding)?;
    }
    report.add(machine::buffers())?;
    if let Some(finding) = machine::open_files() {
        report.add(finding)?;
    }
    report.add(machine::state_folder(args))?;
    for finding in files::keys(doctor) {
        report.add(finding)?;
    }
    report.add(network::multicast(!args.no_lan))?;
    for finding in network::bootstrap(bootstrap).await {
        report.add(finding)?;
    }
    let reached: Vec<_> = bootstrap.iter().flat_map(|(_, addresses)| addresses.iter().cloned()).collect();
    report.add(dht::examine(&reached, !args.no_lan).await)?;
    report.add(clock.examine())?;
    Ok(())
}
