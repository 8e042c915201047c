//! Rooms for people who are named: OpenPGP certificates open them.

use waterfall::openpgp::{self, Certificate, SecretKey};
use waterfall::{Access, AccessKind, Credentials, JoinError, Password, unix_now};

use crate::support::{Clip, LocalNetwork, Viewer, all_to_the_end, assert_complete, publish_clip, until, within};

struct Person {
    key: SecretKey,
    certificate: Certificate,
}

fn person(name: &str) -> Person {
    let made = openpgp::generate(name, unix_now(), None, None).unwrap();
    let key = SecretKey::read_all(made.secret.as_bytes()).unwrap().remove(0);
    let certificate = Certificate::read_all(made.certificate.as_bytes()).unwrap().remove(0);
    Person { key, certificate }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_enter_and_know_each_other_and_others_do_not() {
    let network = LocalNetwork::start().await;
    let (alice, bob, carol, mallory) = (person("Alice"), person("Bob"), person("Carol"), person("Mallory"));
    let owner = network.node().await;
    let members = vec![bob.certificate.clone(), carol.certificate.clone()];
    let access = Access::Members { owner: alice.key.clone(), members };
    // One child only, so that Carol hangs from Bob and each has to prove itself to the other.
    let room = within(owner.create(access).fan_out(1)).await.unwrap();
    let ticket = room.ticket();
    assert_eq!(ticket.access, AccessKind::Members);

    let bobs = network.node().await;
    let bobs_seat = within(bobs.join(&ticket, bob.key.clone()).made_by(alice.certificate.fingerprint())).await.unwrap();
    assert_eq!(bobs_seat.owner().unwrap().name.as_deref(), Some("Alice"));
    let carols = network.node().await;
    let carols_seat = within(carols.join(&ticket, carol.key.clone())).await.unwrap();
    let at_bob =
        until(&bobs_seat, |status| status.links.iter().filter(|link| link.member.is_some()).count() == 2).await;
    let names: Vec<_> =
        at_bob.links.iter().map(|link| (link.peer, link.member.clone().unwrap().name.unwrap())).collect();
    assert!(
        names.contains(&(owner.id(), "Alice".into())) && names.contains(&(carols.id(), "Carol".into())),
        "{names:?}"
    );

    let node = network.node().await;
    let refused = within(node.join(&ticket, mallory.key)).await.unwrap_err();
    assert!(matches!(refused, JoinError::NotAMember(who) if who == mallory.certificate.fingerprint()), "{refused}");
    let refused = within(node.join(&ticket, Password::from("guess".to_owned()))).await.unwrap_err();
    assert!(matches!(refused, JoinError::WrongCredentials { wants: AccessKind::Members }), "{refused}");
    let refused = within(node.join(&ticket, Credentials::Open)).await.unwrap_err();
    assert!(matches!(refused, JoinError::WrongCredentials { wants: AccessKind::Members }), "{refused}");
    let other = bob.certificate.fingerprint();
    let refused = within(node.join(&ticket, bob.key).made_by(other)).await.unwrap_err();
    assert!(matches!(refused, JoinError::OtherOwner(who) if who == alice.certificate.fingerprint()), "{refused}");

    let viewers = [Viewer::watch(bobs, bobs_seat), Viewer::watch(carols, carols_seat)];
    let published = publish_clip(&room, Clip::first(2)).await;
    let ending = tokio::spawn(room.leave());
    for (who, (node, _seat, received)) in all_to_the_end(viewers).await.into_iter().enumerate() {
        assert_complete(who, &received, &published);
        node.close().await;
    }
    within(ending).await.unwrap();
    node.close().await;
    owner.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_members_find_their_chunks() {
    let network = LocalNetwork::start().await;
    let alice = person("Alice");
    let people: Vec<Person> = (0..100).map(|n| person(&format!("Member {n}"))).collect();
    let members = people.iter().map(|person| person.certificate.clone()).collect();
    let owner = network.node().await;
    let room = within(owner.create(Access::Members { owner: alice.key, members })).await.unwrap();
    let chunks = openpgp::members::chunk_index(&people[0].certificate.fingerprint(), 1 << 10);
    // Of one half and of the other, so that each has to read the other's chunk to believe it.
    let far = people.iter().find(|person| {
        let index = openpgp::members::chunk_index(&person.certificate.fingerprint(), 1 << 10);
        (index < 512) != (chunks < 512)
    });
    let (first, second) = (network.node().await, network.node().await);
    let seats = tokio::join!(
        within(first.join(&room.ticket(), people[0].key.clone())),
        within(second.join(&room.ticket(), far.unwrap().key.clone())),
    );
    until(&room, |status| status.size == 3).await;
    drop(seats);
    room.leave().await;
    for node in [first, second, owner] {
        node.close().await;
    }
}
