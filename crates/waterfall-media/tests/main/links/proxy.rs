//! A stretch of bad network between two engines.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use waterfall_media::link::Session;

/// What happens to datagrams on their way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    /// Lost, of a thousand.
    pub(super) loss: u64,
    /// Sent twice, of a thousand.
    pub(super) duplicates: u64,
    /// One byte changed, of a thousand.
    pub(super) corruption: u64,
    /// Least delay.
    pub(super) delay: Duration,
    /// Up to this much more, which also reorders.
    pub(super) jitter: Duration,
    /// Bytes per second beyond which datagrams are lost; 0: no limit.
    pub(super) rate: u64,
    /// Of media one packet in so many is lost for good: repairs are, too; 0: none.
    pub(super) sieve: u16,
}

impl Weather {
    fn sifts(&self, datagram: &[u8]) -> bool {
        let &[0x80, kind, s0, s1, ..] = datagram else {
            return false;
        };
        if self.sieve == 0 || (192..=223).contains(&kind) {
            return false;
        }
        // Payload types without the marker: retransmissions, and what is sent first.
        match kind & 0x7f {
            97 | 112 => true,
            _ => u16::from_be_bytes([s0, s1]).is_multiple_of(self.sieve),
        }
    }
}

struct State {
    near: Arc<UdpSocket>,
    far: Arc<UdpSocket>,
    weather: Mutex<Weather>,
    cut: AtomicBool,
    random: AtomicU64,
    budget: Mutex<(f64, Instant)>,
}

/// Two sockets between two engines. Each engine is told that the other is at the socket on its side.
pub(super) struct Proxy {
    near: SocketAddr,
    far: SocketAddr,
    ends: Arc<Mutex<(Option<SocketAddr>, Option<SocketAddr>)>>,
    state: Arc<State>,
    tasks: Vec<JoinHandle<()>>,
}

impl Proxy {
    pub(super) async fn start(seed: u64, weather: Weather) -> Self {
        let near = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let far = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let ends = Arc::new(Mutex::new((None, None)));
        let state = Arc::new(State {
            near: near.clone(),
            far: far.clone(),
            weather: Mutex::new(weather),
            cut: AtomicBool::new(false),
            random: AtomicU64::new(seed | 1),
            budget: Mutex::new((0.0, Instant::now())),
        });
        let addresses = (near.local_addr().unwrap(), far.local_addr().unwrap());
        let (to_far, to_near) = (ends.clone(), ends.clone());
        let tasks = vec![
            tokio::spawn(carry(near.clone(), far.clone(), state.clone(), move || to_far.lock().unwrap().1)),
            tokio::spawn(carry(far, near, state.clone(), move || to_near.lock().unwrap().0)),
        ];
        Self { near: addresses.0, far: addresses.1, ends, state, tasks }
    }

    /// The offer as the answerer is to see it.
    pub(super) fn offer(&self, mut session: Session) -> Session {
        self.ends.lock().unwrap().0 = Some(session.candidates[0].address);
        session.candidates.truncate(1);
        session.candidates[0].address = self.far;
        session
    }

    /// The answer as the offerer is to see it.
    pub(super) fn answer(&self, mut session: Session) -> Session {
        self.ends.lock().unwrap().1 = Some(session.candidates[0].address);
        session.candidates.truncate(1);
        session.candidates[0].address = self.near;
        session
    }

    pub(super) fn cut(&self, cut: bool) {
        self.state.cut.store(cut, Ordering::Relaxed);
    }

    /// Sends datagrams to both ends that seem to come from the other one.
    pub(super) async fn inject(&self, datagram: &[u8]) {
        let ends = *self.ends.lock().unwrap();
        if let (Some(a), Some(b)) = ends {
            let _ = self.state.near.send_to(datagram, a).await;
            let _ = self.state.far.send_to(datagram, b).await;
        }
    }

    pub(super) fn set_weather(&self, weather: Weather) {
        *self.state.weather.lock().unwrap() = weather;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl State {
    fn random(&self, below: u64) -> u64 {
        let mut x = self.random.load(Ordering::Relaxed);
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.store(x, Ordering::Relaxed);
        if below == 0 { 0 } else { x % below }
    }

    fn passes(&self, weather: &Weather, len: usize) -> bool {
        if self.cut.load(Ordering::Relaxed) || self.random(1000) < weather.loss {
            return false;
        }
        if weather.rate == 0 {
            return true;
        }
        let mut budget = self.budget.lock().unwrap();
        let now = Instant::now();
        let earned = now.duration_since(budget.1).as_secs_f64() * weather.rate as f64;
        *budget = ((budget.0 + earned).min(weather.rate as f64 / 10.0), now);
        if budget.0 < len as f64 {
            return false;
        }
        budget.0 -= len as f64;
        true
    }
}

async fn carry(from: Arc<UdpSocket>, through: Arc<UdpSocket>, state: Arc<State>, to: impl Fn() -> Option<SocketAddr>) {
    let mut buffer = vec![0; 2048];
    loop {
        let Ok((len, _)) = from.recv_from(&mut buffer).await else { continue };
        let Some(to) = to() else { continue };
        let weather = *state.weather.lock().unwrap();
        if weather.sifts(&buffer[..len]) || !state.passes(&weather, len) {
            continue;
        }
        if len > 0 && state.random(1000) < weather.corruption {
            let at = state.random(len as u64) as usize;
            buffer[at] ^= 1 << state.random(8);
        }
        let copies = if state.random(1000) < weather.duplicates { 2 } else { 1 };
        for _ in 0..copies {
            let delay = weather.delay + Duration::from_micros(state.random(weather.jitter.as_micros() as u64 + 1));
            if delay.is_zero() {
                let _ = through.send_to(&buffer[..len], to).await;
                continue;
            }
            let (through, datagram) = (through.clone(), buffer[..len].to_vec());
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let _ = through.send_to(&datagram, to).await;
            });
        }
    }
}
