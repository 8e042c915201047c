//! A libp2p node that speaks waterfall's DHT and plays by none of its rules.

use std::time::Duration;

use futures::StreamExt;
use libp2p::kad::store::{MemoryStore, RecordStore};
use libp2p::kad::{self, Quorum};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identify, noise, tcp, yamux};
use tokio::sync::{mpsc, oneshot};
use waterfall_signal::peer_id;
use waterfall_wire::RecordKey;

use crate::support::Node;

#[derive(NetworkBehaviour)]
struct Behaviour {
    kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
}

type Order = Box<dyn FnOnce(&mut Swarm<Behaviour>) + Send>;

/// See the module. It ends when it is dropped.
pub(crate) struct Rogue {
    orders: mpsc::Sender<Order>,
    pub(crate) address: Multiaddr,
}

impl Rogue {
    /// Keeps whatever it is given if `stores`, else nothing.
    pub(crate) async fn start(stores: bool) -> Self {
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|key| {
                let local = key.public().to_peer_id();
                let mut config = kad::Config::new(StreamProtocol::new("/waterfall/kad/1"));
                if !stores {
                    config.set_record_filtering(kad::StoreInserts::FilterBoth);
                }
                let mut kad = kad::Behaviour::with_config(local, MemoryStore::new(local), config);
                kad.set_mode(Some(kad::Mode::Server));
                let identify = identify::Config::new("/waterfall/1".into(), key.public());
                Behaviour { kad, identify: identify::Behaviour::new(identify) }
            })
            .unwrap()
            .with_swarm_config(|c| c.with_idle_connection_timeout(Duration::from_secs(60)))
            .build();
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        let (orders, mut inbox) = mpsc::channel::<Order>(16);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    event = swarm.select_next_some() => {
                        if let SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) = event {
                            for address in info.listen_addrs {
                                swarm.behaviour_mut().kad.add_address(&peer_id, address);
                            }
                        }
                    }
                    order = inbox.recv() => match order {
                        Some(order) => order(&mut swarm),
                        None => break,
                    },
                }
            }
        });
        Self { orders, address }
    }

    async fn order<T: Send + 'static>(&self, order: impl FnOnce(&mut Swarm<Behaviour>) -> T + Send + 'static) -> T {
        let (done, wait) = oneshot::channel();
        self.orders
            .send(Box::new(move |swarm| {
                let _ = done.send(order(swarm));
            }))
            .await
            .ok()
            .unwrap();
        wait.await.unwrap()
    }

    /// Answers lookups of this key with these bytes from now on.
    pub(crate) async fn serve(&self, key: RecordKey, value: Vec<u8>) {
        self.order(move |swarm| {
            let record = kad::Record::new(key.0.to_vec(), value);
            swarm.behaviour_mut().kad.store_mut().put(record).unwrap();
        })
        .await;
    }

    /// What it would answer.
    pub(crate) async fn serves(&self, key: RecordKey) -> Option<Vec<u8>> {
        self.order(move |swarm| {
            let key = kad::RecordKey::from(key.0.to_vec());
            swarm.behaviour_mut().kad.store_mut().get(&key).map(|record| record.value.clone())
        })
        .await
    }

    fn connect(swarm: &mut Swarm<Behaviour>, peer: PeerId, addresses: Vec<Multiaddr>) {
        for address in addresses {
            swarm.behaviour_mut().kad.add_address(&peer, address);
        }
    }

    /// Has a node store these bytes under any key.
    pub(crate) async fn put(&self, node: &Node, key: Vec<u8>, value: Vec<u8>) {
        let peer = peer_id(&node.signal.node_id()).unwrap();
        let addresses = node.entrance();
        self.order(move |swarm| {
            Self::connect(swarm, peer, addresses);
            let record = kad::Record::new(key, value);
            swarm.behaviour_mut().kad.put_record_to(record, std::iter::once(peer), Quorum::One);
        })
        .await;
    }

    /// Claims to every node it knows that it provides something.
    pub(crate) async fn provide(&self, node: &Node, key: RecordKey) {
        let peer = peer_id(&node.signal.node_id()).unwrap();
        let addresses = node.entrance();
        self.order(move |swarm| {
            Self::connect(swarm, peer, addresses);
            swarm.behaviour_mut().kad.start_providing(key.0.to_vec().into()).unwrap();
        })
        .await;
    }
}
