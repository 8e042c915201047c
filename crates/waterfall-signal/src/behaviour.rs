//! The libp2p protocols a node speaks, and their settings.

use std::num::NonZeroUsize;
use std::time::Duration;

use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::gossipsub::{self, AllowAllSubscriptionFilter, IdentityTransform, MaxCountSubscriptionFilter};
use libp2p::identity::Keypair;
use libp2p::kad;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{StreamProtocol, identify, mdns, ping, request_response};
use sha2::{Digest, Sha256};

use crate::call;
use crate::config::Config;
use crate::store::Store;

/// Kademlia's name on the wire: a DHT of its own, apart from IPFS's.
pub(crate) const KAD: StreamProtocol = StreamProtocol::new("/waterfall/kad/1");
/// On how many nodes a record is placed, and how many nearest nodes a lookup asks. Kademlia's 20
/// suits records that must survive a day of churn; ours are renewed within minutes, and each
/// lookup costs so many connections.
pub(crate) const REPLICATION: usize = 10;
/// Most bytes of a gossip message: a sealed, signed room event is a few hundred.
pub(crate) const MAX_GOSSIP_LEN: usize = 4_000;
/// Gossipsub's own limit. It is held against all that has been read and not just against the next message, so it
/// must be well above a read of 8 KiB or a quick run of small messages ends the stream.
const MAX_GOSSIP_TRANSMIT: usize = 64 * 1024;
/// Most topics this node is in, and most that it keeps track of for a neighbour.
pub(crate) const MAX_TOPICS: usize = 128;

pub(crate) type Gossipsub =
    gossipsub::Behaviour<IdentityTransform, MaxCountSubscriptionFilter<AllowAllSubscriptionFilter>>;

/// See the module. The limits come first, so that a refused connection costs the others nothing.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    limits: connection_limits::Behaviour,
    pub(crate) kad: kad::Behaviour<Store>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(crate) calls: Toggle<request_response::Behaviour<call::Codec>>,
    pub(crate) gossip: Toggle<Gossipsub>,
    mdns: Toggle<mdns::tokio::Behaviour>,
}

impl Behaviour {
    pub(crate) fn new(key: &Keypair, config: &Config) -> Self {
        let local = key.public().to_peer_id();
        let mdns = config.mdns.then(|| mdns::tokio::Behaviour::new(mdns::Config::default(), local));
        let mdns = mdns.and_then(|mdns| {
            mdns.inspect_err(
                |error| tracing::warn!(%error, "no mDNS: nodes on this network are not found by themselves"),
            )
            .ok()
        });
        let identify = identify::Config::new("/waterfall/1".into(), key.public())
            .with_agent_version(concat!("waterfall/", env!("CARGO_PKG_VERSION")).into())
            .with_push_listen_addr_updates(true)
            .with_cache_size(0);
        Self {
            limits: connection_limits::Behaviour::new(connection_limits(config.limits.peers)),
            kad: kademlia(local, config),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(Duration::from_secs(30))),
            calls: Toggle::from((!config.records_only).then(|| calls(config))),
            gossip: Toggle::from((!config.records_only).then(gossip)),
            mdns: Toggle::from(mdns),
        }
    }
}

/// Twice as many connections as wanted peers, so that newcomers get in while others are trimmed;
/// a quarter is kept free for connections that this node itself makes.
fn connection_limits(peers: usize) -> ConnectionLimits {
    let max = u32::try_from(2 * peers).unwrap_or(u32::MAX);
    ConnectionLimits::default()
        .with_max_established(Some(max))
        .with_max_established_incoming(Some(max - max / 4))
        .with_max_established_per_peer(Some(4))
        .with_max_pending_incoming(Some(max.max(32)))
        .with_max_pending_outgoing(Some(max.max(32)))
}

fn kademlia(local: libp2p::PeerId, config: &Config) -> kad::Behaviour<Store> {
    let mut kad = kad::Config::new(KAD);
    kad.set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_replication_factor(NonZeroUsize::new(REPLICATION).expect("not zero"))
        .set_caching(kad::Caching::Enabled { max_peers: 3 })
        // Records carry their own lives, and their writers renew them.
        .set_record_ttl(None)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        .set_periodic_bootstrap_interval(Some(Duration::from_secs(15 * 60)))
        .set_query_timeout(Duration::from_secs(10))
        .set_substreams_timeout(Duration::from_secs(5))
        // A record of 8 KiB and 20 peers with 6 addresses each fit.
        .set_max_packet_size(32 * 1024);
    let store = Store::new(local, config.limits.store_bytes);
    let mut behaviour = kad::Behaviour::with_config(local, store, kad);
    behaviour.set_mode(Some(kad::Mode::Client));
    behaviour
}

fn calls(config: &Config) -> request_response::Behaviour<call::Codec> {
    let settings = request_response::Config::default()
        .with_request_timeout(config.limits.ask_timeout)
        .with_max_concurrent_streams(64);
    request_response::Behaviour::new([(call::PROTOCOL, request_response::ProtocolSupport::Full)], settings)
}

/// Messages are sealed and signed inside, so outside they are anonymous and named by their hash.
fn gossip() -> Gossipsub {
    let config = gossipsub::ConfigBuilder::default()
        .protocol_id_prefix("/waterfall/gossip")
        .validation_mode(gossipsub::ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message| {
            let hash = Sha256::new().chain_update(message.topic.as_str()).chain_update(&message.data).finalize();
            gossipsub::MessageId::from(hash[..16].to_vec())
        })
        .max_transmit_size(MAX_GOSSIP_TRANSMIT)
        .heartbeat_initial_delay(Duration::from_millis(200))
        .flood_publish(true)
        // As long as after leaving, or the one who left and comes back is held off for longer than it knows.
        .prune_backoff(Duration::from_secs(10))
        .unsubscribe_backoff(Duration::from_secs(10))
        .duplicate_cache_time(Duration::from_secs(120))
        .max_ihave_messages_heartbeat(10)
        .connection_handler_queue_len(256)
        .build()
        .expect("constant settings that are known to agree");
    let filter = MaxCountSubscriptionFilter {
        filter: AllowAllSubscriptionFilter {},
        max_subscribed_topics: MAX_TOPICS,
        max_subscriptions_per_request: MAX_TOPICS,
    };
    Gossipsub::new_with_subscription_filter(gossipsub::MessageAuthenticity::Anonymous, config, filter)
        .expect("anonymous messages fit anonymous validation")
}

#[cfg(test)]
mod tests {
    #[test]
    fn constant_settings_agree() {
        super::gossip();
    }
}
