//! Who gets in and who does not.

use waterfall::{Access, AccessKind, Credentials, JoinError, Password};

use crate::support::{LocalNetwork, within};

fn password(text: &str) -> Password {
    Password::from(text.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_opens_the_room_and_another_does_not() {
    let network = LocalNetwork::start().await;
    let (owner, guest) = (network.node().await, network.node().await);
    let room = owner.create(Access::Password(password("open sesame"))).title("cave").await.unwrap();
    let ticket = room.ticket();

    let refused = within(guest.join(&ticket, password("open barley"))).await.unwrap_err();
    assert!(matches!(refused, JoinError::WrongPassword), "{refused}");
    let refused = within(guest.join(&ticket, Credentials::Open)).await.unwrap_err();
    assert!(matches!(refused, JoinError::WrongCredentials { wants: AccessKind::Password }), "{refused}");

    let seat = within(guest.join(&ticket, password("open sesame"))).await.unwrap();
    assert_eq!(seat.title(), "cave");
    assert_eq!(seat.status().borrow().parent, Some(owner.id()));
    seat.leave().await;
    room.leave().await;
    guest.close().await;
    owner.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_is_over_says_so() {
    let network = LocalNetwork::start().await;
    let (owner, guest) = (network.node().await, network.node().await);
    let room = owner.create(Access::Open).await.unwrap();
    let ticket = room.ticket();
    let seat = within(guest.join(&ticket, Credentials::Open)).await.unwrap();
    let ended = tokio::spawn({
        let seat = seat.clone();
        async move { seat.ended().await }
    });
    let leaving = tokio::spawn(room.leave());
    within(ended).await.unwrap();
    let refused = within(network.node().await.join(&ticket, Credentials::Open)).await.unwrap_err();
    assert!(matches!(refused, JoinError::Ended), "{refused}");
    seat.leave().await;
    within(leaving).await.unwrap();
    guest.close().await;
    owner.close().await;
}
