//! Many nodes in one process.

use waterfall_signal::{Limits, Mode};

use crate::support::{Node, config, find, key, record, until};

/// Peers each node wants at most; the hard limit on connections is twice that.
const PEERS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_sixty_nodes_stay_bounded() {
    let bootstrap = config(600).mode(Mode::Server).records_only(true).limits(Limits::well_known());
    let bootstrap = Node::start(bootstrap).await;
    let limits = || Limits::default().peers(PEERS);
    let start = (601..660).map(|i| Node::start(config(i).bootstrap(bootstrap.entrance()).limits(limits())));
    let nodes = futures::future::join_all(start).await;
    let bounded = || {
        for node in &nodes {
            let connections = node.signal.stats().connections;
            assert!(connections <= 2 * PEERS, "{connections} connections");
        }
    };
    until("all have entered", || {
        bounded();
        nodes.iter().all(|n| n.signal.stats().routing_table >= 8)
    })
    .await;
    let (id, envelope) = record(601, 1);
    nodes[0].signal.put(id, envelope);
    until("the record is placed", || nodes[0].signal.stats().records_placed == 1).await;
    for node in &nodes {
        assert_eq!(find(node, id).await.write_key, key(601).public());
        bounded();
    }
    until("all are back within what they want", || {
        bounded();
        nodes.iter().all(|n| n.signal.stats().peers <= PEERS)
    })
    .await;
}
