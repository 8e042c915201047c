//! Direct questions and answers.

use std::time::Duration;

use futures::future::join_all;
use tokio::sync::mpsc;
use waterfall_signal::{AskError, Event, Limits, Mode, multiaddr_to_address};
use waterfall_wire::{Address, Contact, NodeId, Routed, Wire};

use crate::support::{Node, config, key, nodes, until};

/// Answers each question with who asked and what.
fn echo(mut events: mpsc::Receiver<Event>) {
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if let Event::Asked { from, request, reply } = event {
                reply.reply([&from.0[..], &request].concat());
            }
        }
    });
}

fn dead_address() -> Address {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    multiaddr_to_address(&format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_are_answered_over_one_connection() {
    let callee = Node::start(config(400)).await;
    let caller = Node::start(config(401)).await;
    let contact = callee.signal.contact();
    echo(callee.events);
    let answers = join_all((0..40u8).map(|i| caller.signal.ask(&contact, vec![i; 1000]))).await;
    for (i, answer) in answers.into_iter().enumerate() {
        let expected = [&caller.signal.node_id().0[..], &[i as u8; 1000]].concat();
        assert_eq!(answer.unwrap(), expected);
    }
    let longest = vec![7; <Routed as Wire>::MAX_LEN - 32];
    assert_eq!(caller.signal.ask(&contact, longest).await.unwrap().len(), <Routed as Wire>::MAX_LEN);
    until("the counters show it", || caller.signal.stats().connections == 1).await;
    assert_eq!(callee.signal.stats().asks_received, 41);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_has_its_name() {
    let mut callee = Node::start(config(410)).await;
    let limits = Limits::default().ask_timeout(Duration::from_secs(2));
    let caller = Node::start(config(411).limits(limits)).await;
    let contact = callee.signal.contact();
    let ask = |to: Contact| {
        let signal = caller.signal.clone();
        async move { signal.ask(&to, vec![1]).await.unwrap_err() }
    };
    assert_eq!(caller.signal.ask(&contact, vec![0; Routed::MAX_LEN + 1]).await, Err(AskError::TooLong));
    assert_eq!(ask(caller.signal.contact()).await, AskError::NoSuchNode);
    let no_key = (0..=255).map(|b| NodeId([b; 32])).find(|n| waterfall_signal::peer_id(n).is_none()).unwrap();
    assert_eq!(ask(Contact { node: no_key, addresses: [].into() }).await, AskError::NoSuchNode);

    let dead = Contact { node: key(999).node_id(), addresses: [dead_address()].into() };
    assert!(matches!(ask(dead).await, AskError::Unreachable(why) if why.contains("refused")));
    let nowhere = Contact { node: key(999).node_id(), addresses: [Address(vec![0xff; 50])].into() };
    assert!(matches!(ask(nowhere).await, AskError::Unreachable(_)));
    let impostor = Contact { node: key(999).node_id(), addresses: contact.addresses.clone() };
    assert!(matches!(ask(impostor).await, AskError::Unreachable(_)), "another node answers there");

    let (error, event) = tokio::join!(ask(contact.clone()), async {
        match callee.events.recv().await {
            Some(Event::Asked { reply, .. }) => drop(reply),
            other => panic!("{other:?}"),
        }
    });
    assert_eq!((error, event), (AskError::Refused, ()));
    let (error, ()) = tokio::join!(ask(contact.clone()), async {
        match callee.events.recv().await {
            Some(Event::Asked { reply, .. }) => reply.reply(vec![0; Routed::MAX_LEN + 1]),
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(error, AskError::Refused, "an answer that is too long");
    let (error, _kept) = tokio::join!(ask(contact.clone()), callee.events.recv());
    assert_eq!(error, AskError::Timeout, "no answer at all");

    let silent = Node::start(config(412).records_only(true).mode(Mode::Server)).await;
    assert_eq!(ask(silent.signal.contact()).await, AskError::Refused);
    caller.signal.close().await;
    assert_eq!(ask(contact).await, AskError::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_addresses_are_mended_by_the_dht() {
    let bootstrap = Node::start(config(420)).await;
    let mut nodes = nodes(421, 5, &bootstrap.entrance()).await;
    until("everybody is known", || nodes.iter().all(|n| n.signal.stats().routing_table >= 5)).await;
    let callee = nodes.remove(0);
    let contact = Contact { node: callee.signal.node_id(), addresses: [dead_address()].into() };
    echo(callee.events);
    let stranger = Node::start(config(429).bootstrap(bootstrap.entrance())).await;
    until("the stranger has entered", || stranger.signal.stats().routing_table >= 1).await;
    let answer = stranger.signal.ask(&contact, b"hello".to_vec()).await.unwrap();
    assert_eq!(&answer[32..], b"hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_questions_is_refused() {
    let callee = Node::start(config(430)).await;
    let caller = Node::start(config(431)).await;
    let contact = callee.signal.contact();
    echo(callee.events);
    let signal = callee.signal;
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.extend(join_all((0..20).map(|_| caller.signal.ask(&contact, vec![1]))).await);
    }
    assert!(answers.iter().any(Result::is_ok));
    let refused = answers.iter().filter(|a| **a == Err(AskError::Refused)).count();
    assert!(refused > 0, "{answers:?}");
    until("it is counted", || signal.stats().asks_refused == refused as u64).await;
}
