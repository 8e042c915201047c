//! When a link that says nothing is taken for lost.
//!
//! How long a harmless pause may be depends on the way: on a quiet one a few fillers' worth, on one
//! that jitters or loses packets more. So each closely watched link remembers the longest pause of late
//! and allows a margin beyond it. Time in which this process itself did not run is no pause of the other
//! end's: see [`Hearing::excuse`].

use std::time::{Duration, Instant};

/// The longest pause of late loses half of its weight in this time.
const HALF_LIFE: Duration = Duration::from_secs(30);
/// How much longer than the longest one of late a pause may be, beside one more filler interval.
const MARGIN: f64 = 1.5;
/// So many fillers in a row have to be missing at least.
const FILLERS: u32 = 3;
/// What lies unread in a socket may be the sign of life that is missed: it is waited for so often, ...
const MAX_SECOND_LOOKS: u8 = 20;
/// ... and so long each time.
const SECOND_LOOK: Duration = Duration::from_millis(5);
/// A starved process is no excuse for ever: after this much more than the threshold a link is silent
/// whatever else.
const LAST_EXCUSE: Duration = Duration::from_secs(2);

/// What is to be expected of the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    /// It feeds this node, and fills its pauses at this interval.
    Closely { filler: Duration },
    /// It may be silent for so long.
    Loosely(Duration),
}

/// Whether the other end of a link can be heard.
#[derive(Debug)]
pub(super) struct Hearing {
    least: Duration,
    most: Duration,
    watch: Watch,
    /// When it was last heard, later by what this process has slept since.
    heard: Instant,
    /// The same without excuses.
    truly_heard: Instant,
    /// The longest pause of late, and when it was last made to fade.
    longest: (Duration, Instant),
    silent: bool,
    second_looks: u8,
    look_again: Option<Instant>,
    false_alarms: u64,
}

impl Hearing {
    /// `least` and `most` bound the threshold of a closely watched link.
    pub(super) fn new((least, most): (Duration, Duration), now: Instant) -> Self {
        Self {
            least,
            most,
            watch: Watch::Loosely(Duration::MAX),
            heard: now,
            truly_heard: now,
            longest: (Duration::ZERO, now),
            silent: false,
            second_looks: 0,
            look_again: None,
            false_alarms: 0,
        }
    }

    /// Pauses longer than the threshold that ended before they could be a loss.
    pub(super) fn false_alarms(&self) -> u64 {
        self.false_alarms
    }

    /// Whether it was last said to be silent.
    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Says what is to be expected from now on.
    pub(super) fn watch(&mut self, watch: Watch, now: Instant) {
        if self.watch == watch {
            return;
        }
        let closer = matches!(watch, Watch::Closely { .. }) && matches!(self.watch, Watch::Loosely(_));
        self.watch = watch;
        if closer && !self.silent {
            // What was a fair pause until now is none of the kind that is measured from now on.
            self.heard = self.heard.max(now);
            self.truly_heard = now;
        }
    }

    /// Notes a sign of life; `true` if it ends a silence.
    pub(super) fn hear(&mut self, now: Instant) -> bool {
        let pause = now.saturating_duration_since(self.heard);
        if matches!(self.watch, Watch::Closely { .. }) {
            // What is longer was no jitter, but an interruption that had to be told.
            if pause <= self.most {
                self.longest = (self.longest_of_late(now).max(pause), now);
            }
            self.false_alarms += u64::from(self.silent && pause <= self.most);
        }
        (self.heard, self.truly_heard) = (now, now);
        (self.second_looks, self.look_again) = (0, None);
        std::mem::take(&mut self.silent)
    }

    /// Takes back time in which this process did not get to listen: the other end, if it lives on the
    /// same machine, did not get to speak either, and nothing is known of it in any case.
    pub(super) fn excuse(&mut self, slept: Duration, now: Instant) {
        self.heard = (self.heard + slept).min(now);
    }

    /// Something unread may be from the other end: judges a little later, if that was not said too often.
    pub(super) fn look_again(&mut self, now: Instant) {
        if self.second_looks < MAX_SECOND_LOOKS {
            self.second_looks += 1;
            self.look_again = Some(now + SECOND_LOOK);
        }
    }

    /// The pause that is taken for silence.
    pub(super) fn threshold(&self, now: Instant) -> Duration {
        match self.watch {
            Watch::Loosely(threshold) => threshold,
            Watch::Closely { filler } => {
                let tolerable = self.longest_of_late(now).mul_f64(MARGIN) + filler;
                tolerable.max(filler * FILLERS).clamp(self.least, self.most)
            }
        }
    }

    fn longest_of_late(&self, now: Instant) -> Duration {
        let (longest, since) = self.longest;
        let age = now.saturating_duration_since(since).as_secs_f64();
        longest.mul_f64((-age / HALF_LIFE.as_secs_f64()).exp2())
    }

    /// When [`Hearing::falls_silent`] is worth asking.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let threshold = self.threshold(now);
        let due = self
            .heard
            .checked_add(threshold)?
            .min(self.truly_heard.checked_add(threshold.saturating_add(LAST_EXCUSE))?);
        (!self.silent).then(|| self.look_again.map_or(due, |again| again.max(due)))
    }

    /// Whether it would be said to be silent now.
    pub(super) fn seems_silent(&self, now: Instant) -> bool {
        self.due(now).is_some_and(|due| due <= now)
    }

    /// Whether it has just fallen silent; once for each silence.
    pub(super) fn falls_silent(&mut self, now: Instant) -> bool {
        let silent = self.seems_silent(now);
        self.silent |= silent;
        silent
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FILLER: Duration = Duration::from_millis(20);
    const BOUNDS: (Duration, Duration) = (Duration::from_millis(60), Duration::from_millis(500));

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn watched(now: Instant) -> Hearing {
        let mut hearing = Hearing::new(BOUNDS, now);
        hearing.watch(Watch::Closely { filler: FILLER }, now);
        hearing
    }

    /// Hears the other end after each of these pauses.
    fn listen(hearing: &mut Hearing, mut now: Instant, pauses: impl IntoIterator<Item = u64>) -> Instant {
        for pause in pauses {
            now += ms(pause);
            hearing.falls_silent(now);
            hearing.hear(now);
        }
        now
    }

    #[test]
    fn on_a_quiet_way_three_missing_fillers_are_silence() {
        let mut hearing = watched(Instant::now());
        let now = listen(&mut hearing, Instant::now(), [20, 21, 22, 20, 20]);
        assert_eq!(hearing.threshold(now), ms(60));
        assert!(!hearing.falls_silent(now + ms(59)));
        assert!(hearing.falls_silent(now + ms(60)));
        assert!(!hearing.falls_silent(now + ms(61)), "told once");
        assert_eq!(hearing.due(now + ms(61)), None);
    }

    #[test]
    fn rare_fillers_are_borne_up_to_the_bound() {
        let now = Instant::now();
        let mut hearing = Hearing::new(BOUNDS, now);
        hearing.watch(Watch::Closely { filler: ms(100) }, now);
        assert_eq!(hearing.threshold(now), ms(300));
        hearing.watch(Watch::Closely { filler: Duration::from_secs(65) }, now);
        assert_eq!(hearing.threshold(now), BOUNDS.1, "whatever the other end says");
    }

    #[test]
    fn a_false_alarm_is_learned_from_at_once_and_forgotten_slowly() {
        let mut hearing = watched(Instant::now());
        let now = listen(&mut hearing, Instant::now(), [20, 20, 100]);
        assert_eq!(hearing.false_alarms(), 1);
        assert_eq!(hearing.threshold(now), ms(170));
        let now = listen(&mut hearing, now, [100; 10]);
        assert_eq!(hearing.false_alarms(), 1, "the same pause is no alarm any more");
        let now = listen(&mut hearing, now, [20; 500]);
        let later = hearing.threshold(now);
        assert!(later > ms(120) && later < ms(170), "{later:?} after ten seconds");
        let now = listen(&mut hearing, now, [20; 5_000]);
        assert!(hearing.threshold(now) < ms(80), "{:?}", hearing.threshold(now));
    }

    #[test]
    fn an_interruption_is_no_jitter() {
        let mut hearing = watched(Instant::now());
        let now = listen(&mut hearing, Instant::now(), [20, 20, 700, 20]);
        assert_eq!((hearing.threshold(now), hearing.false_alarms()), (ms(60), 0));
        let now = listen(&mut hearing, now, [400]);
        assert_eq!(hearing.threshold(now), BOUNDS.1, "bounded");
    }

    #[test]
    fn own_sleep_is_no_silence_of_the_other_end() {
        let start = Instant::now();
        let mut hearing = watched(start);
        let now = listen(&mut hearing, start, [20; 10]);
        // The check was due after 20 ms and came after 90.
        hearing.excuse(ms(70), now + ms(90));
        assert!(!hearing.falls_silent(now + ms(90)));
        assert!(hearing.falls_silent(now + ms(130)), "60 ms without that");
        let mut hearing = watched(start);
        hearing.excuse(ms(80), start + ms(100));
        hearing.hear(start + ms(100));
        assert_eq!(hearing.threshold(start + ms(100)), ms(60), "nor is it jitter");
        let mut starved = watched(start);
        for tenth in 1..=20 {
            starved.excuse(ms(100), start + ms(100 * tenth));
            assert!(!starved.falls_silent(start + ms(100 * tenth)), "{tenth}");
        }
        starved.excuse(ms(100), start + ms(2_100));
        assert!(starved.falls_silent(start + ms(2_100)), "not for ever");
    }

    #[test]
    fn what_lies_unread_is_waited_for_but_not_for_ever() {
        let start = Instant::now();
        let mut hearing = watched(start);
        let mut now = start + ms(60);
        let mut looks = 0;
        while hearing.seems_silent(now) {
            hearing.look_again(now);
            if hearing.falls_silent(now) {
                break;
            }
            looks += 1;
            now = hearing.due(now).unwrap();
        }
        assert_eq!(looks, MAX_SECOND_LOOKS);
        assert_eq!(now, start + ms(60) + SECOND_LOOK * u32::from(MAX_SECOND_LOOKS));
    }

    #[test]
    fn a_link_that_becomes_important_has_its_time_to_be_heard() {
        let start = Instant::now();
        let mut hearing = Hearing::new(BOUNDS, start);
        hearing.watch(Watch::Loosely(Duration::from_secs(3)), start);
        assert!(!hearing.falls_silent(start + ms(2_900)));
        hearing.watch(Watch::Closely { filler: FILLER }, start + ms(2_900));
        assert!(!hearing.falls_silent(start + ms(2_959)));
        assert!(hearing.falls_silent(start + ms(2_960)));
        assert!(hearing.hear(start + ms(2_970)));
        hearing.watch(Watch::Loosely(Duration::from_secs(3)), start + ms(2_970));
        assert!(hearing.falls_silent(start + ms(5_970)));
    }
}
