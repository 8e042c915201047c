//! Starting, and being alone.

use waterfall_signal::{Event, Multiaddr, Signal, StartError, address_to_multiaddr, peer_id};

use crate::support::{Node, config, find, key, record, until};

#[tokio::test]
async fn a_port_in_use_is_said() {
    let first = Node::start(config(1)).await;
    for address in first.signal.addresses().borrow().iter() {
        let address: Multiaddr = address_to_multiaddr(address).unwrap();
        let error = Signal::start(config(2).listen(vec![address.clone()])).await.err().unwrap();
        assert!(matches!(&error, StartError::Listen { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&address.to_string()) && text.contains("in use") && text.contains("another port"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_address_of_another_machine_is_said() {
    let elsewhere: Multiaddr = "/ip4/192.0.2.1/tcp/0".parse().unwrap();
    let error = Signal::start(config(1).listen(vec![elsewhere])).await.err().unwrap();
    assert!(error.to_string().contains("no interface of this machine"), "{error}");
    let unheard: Multiaddr = "/unix/tmp".parse().unwrap();
    let error = Signal::start(config(1).listen(vec![unheard])).await.err().unwrap();
    assert!(error.to_string().contains("not a TCP or QUIC address"), "{error}");
}

#[tokio::test]
async fn alone_it_is_ready_and_its_records_go_out_to_the_first_peer() {
    let alone = Node::start(config(10)).await;
    let (id, envelope) = record(10, 1);
    alone.signal.put(id, envelope);
    assert_eq!(find(&alone, id).await.write_key, key(10).public());
    assert_eq!(alone.signal.get(record(10, 2).0).await, Ok(None), "what nobody wrote is not there");
    assert_eq!(alone.signal.stats().records_placed, 0);

    let peer = Node::start(config(11).bootstrap(alone.entrance())).await;
    until("the record is placed", || alone.signal.stats().records_placed == 1).await;
    until("the peer holds it", || peer.signal.stats().records_held == 1).await;
    alone.signal.close().await;
    assert_eq!(find(&peer, id).await.write_key, key(10).public());
}

#[tokio::test]
async fn the_last_handle_ends_the_node() {
    let a = Node::start(config(20)).await;
    let b = Node::start(config(21).bootstrap(a.entrance())).await;
    until("they are connected", || *a.signal.peers().borrow() == 1).await;
    let Node { signal, mut events } = b;
    drop(signal);
    assert!(events.recv().await.is_none());
    until("the other sees it go", || *a.signal.peers().borrow() == 0).await;
    a.signal.close().await;
    assert!(a.signal.get(record(20, 1).0).await.is_err());
}

#[tokio::test]
async fn a_peer_of_an_earlier_run_is_the_way_back_in() {
    let (a, b) = (Node::start(config(40)).await, Node::start(config(41)).await);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = |name: u64| -> Multiaddr {
        let name = peer_id(&key(name).node_id()).unwrap();
        format!("/ip4/127.0.0.1/tcp/{nobody}/p2p/{name}").parse().unwrap()
    };
    // The living one is called last, after more dead ones than are called at a time.
    let known: Vec<_> = (50..70).map(gone).chain(a.entrance().into_iter().take(1)).collect();
    let mut back = Node::start(config(42).known(known).bootstrap(b.entrance()[..1].to_vec())).await;
    until("it has met the bootstrap node", || !back.signal.reached().borrow().is_empty()).await;
    b.signal.close().await;
    until("it has met the other", || {
        back.signal.reached().borrow().iter().any(|reached| reached.address == a.entrance()[0])
    })
    .await;
    while let Ok(event) = back.events.try_recv() {
        let Event::BootstrapUnreachable { address, .. } = event else { panic!("{event:?}") };
        assert_eq!(address, b.entrance()[0], "nobody is told of those of earlier runs");
    }
    assert!(a.signal.reached().borrow().is_empty(), "who calls is not known to be reachable");
    let reached = back.signal.reached();
    back.signal.close().await;
    assert!(!reached.borrow().is_empty(), "it can be read at the end");
}

#[tokio::test]
async fn an_unreachable_bootstrap_is_said_once() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{nobody}").parse().unwrap();
    let mut node = Node::start(config(30).bootstrap(vec![address.clone()])).await;
    let Some(Event::BootstrapUnreachable { address: told, reason }) = node.events.recv().await else { panic!() };
    assert_eq!(told, address);
    assert!(reason.contains("refused"), "{reason}");
    assert_eq!(node.signal.get(record(30, 1).0).await, Ok(None), "nobody is waited for any more");
    assert!(node.events.try_recv().is_err());
}
