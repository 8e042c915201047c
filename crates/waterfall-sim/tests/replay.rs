//! A run is what its seed makes it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use waterfall_sim::{Log, Options};

use crate::support::{logged, size};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn log_of(seed: u64) -> (Vec<u8>, u64) {
    let lines = Shared::default();
    let options = Options { seed, ..Options::default() };
    let (_, log) = logged("churn-lognormal", options, &size(60, 60), Log::to(lines.clone()));
    let bytes = lines.0.lock().unwrap().clone();
    (bytes, log.digest())
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let (one, again, other) = (log_of(7), log_of(7), log_of(8));
    assert!(one.0.len() > 10_000, "{} bytes", one.0.len());
    assert!(one == again, "two runs of one seed differ");
    assert_ne!(one.1, other.1);
}

#[test]
fn one_participant_can_be_followed() {
    let lines = Shared::default();
    let options = Options { seed: 7, ..Options::default() };
    let log = Log::to(lines.clone()).following(3);
    let (_, log) = logged("growth", options, &size(20, 60), log);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.lines().next().unwrap().ends_with("\twants\tFetch"), "{text}");
    assert!(text.contains("Notify(Attached"), "{text}");
    assert!(log.digest() != 0);
}

#[test]
fn a_log_that_cannot_be_written_says_so() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut log = Log::to(Full);
    let options = Options::default();
    let plan = crate::support::plan("growth", &options, &size(5, 40));
    let stop = std::sync::atomic::AtomicBool::new(false);
    waterfall_sim::run("growth", 5, options, plan, &mut log, &stop, |_| ()).unwrap();
    assert_eq!(log.finish().unwrap_err().to_string(), "the disk is full");
}

#[test]
fn a_run_can_be_stopped() {
    let options = Options::default();
    let plan = crate::support::plan("growth", &options, &size(20, 60));
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut seen = 0;
    let result = waterfall_sim::run("growth", 20, options, plan, &mut Log::default(), &stop, |progress| {
        seen = progress.now;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(result.unwrap_err(), waterfall_sim::Interrupted);
    assert!(seen < 1_000_000);
}
