use super::support::*;

#[tokio::test]
async fn packets_flow_over_an_edge() {
    let (mut a, mut b) = (Node::with_tracks().await, Node::with_tracks().await);
    let ends = connect(&mut a, &mut b, None).await;
    make_edge(&a, &b, &ends).await;
    let mut viewer = Viewer::of(&b);
    let mut speaker = Speaker::new(30, 4);
    speaker.speak(&a, 30).await;
    viewer.complete(0..speaker.video, 0..speaker.audio).await;
}
