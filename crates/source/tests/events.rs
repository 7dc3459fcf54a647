//! Streams of events as recorded nodes sent them, and streams that break, fall silent and make no sense.

use std::sync::Arc;
use std::time::Duration;

use captures::fake_node::{Answers, FakeNode, Fault};
use captures::pacing::{SILENCE, TestPacing, options};
use consensus::Slot;
use source::beacon_api::{ApiProblem, BeaconApi, ChainEvent, EventItem, EventOptions, Events, Topic};

const SMALL: &str = "lodestar-devnet/electra/minimal";

fn events(urls: &[&str]) -> (Events, Arc<TestPacing>) {
    let pacing = Arc::new(TestPacing::default());
    let api = BeaconApi::with_pacing(urls, options(), Arc::clone(&pacing) as _).expect("URLs");
    (api.events(&Topic::ALL, EventOptions { silence: SILENCE }), pacing)
}

fn answers(name: &str) -> Option<Arc<Answers>> {
    captures::named(name).map(|capture| Answers::of(&capture))
}

/// The events up to the end of the stream, and that end.
async fn until_the_end(events: &mut Events) -> (Vec<ChainEvent>, EventItem) {
    let mut told = Vec::new();
    loop {
        match events.next().await {
            EventItem::Connected { .. } => {}
            EventItem::Event(event) => told.push(event),
            end => return (told, end),
        }
    }
}

#[tokio::test]
async fn every_recorded_event_is_told() {
    for capture in captures::all() {
        // The last event of one of them was cut off before its end, and is none.
        let text = capture.events();
        let text = text.rsplit_once("\n\n").expect("an end").0;
        let node = FakeNode::honest(&Answers::of(&capture)).await;
        let (mut events, _) = events(&[&node.url]);
        assert_eq!(events.next().await, EventItem::Connected { node: node.url.as_str().into() });
        let (told, end) = until_the_end(&mut events).await;
        assert!(
            matches!(&end, EventItem::Disconnected { problem: ApiProblem::BrokenOff { .. }, .. }),
            "{}: {end:?}",
            capture.name
        );
        let count = |kind: fn(&ChainEvent) -> bool| told.iter().filter(|event| kind(event)).count();
        let sent = |topic: Topic| text.lines().filter(|line| *line == format!("event: {topic}")).count();
        assert_eq!(
            count(|event| matches!(event, ChainEvent::Head { .. })),
            sent(Topic::Head),
            "{}",
            capture.name
        );
        assert_eq!(
            count(|event| matches!(event, ChainEvent::Block { .. })),
            sent(Topic::Block),
            "{}",
            capture.name
        );
        let reorgs = count(|event| matches!(event, ChainEvent::ChainReorg { .. }));
        assert_eq!(reorgs, sent(Topic::ChainReorg), "{}", capture.name);
        let finalized = count(|event| matches!(event, ChainEvent::FinalizedCheckpoint { .. }));
        assert_eq!(finalized, sent(Topic::FinalizedCheckpoint), "{}", capture.name);
        assert!(told.len() > 40, "{}", capture.name);
        // Every block of the chain was told of, with its root.
        for block in capture.blocks() {
            let known = told.iter().any(|event| {
                matches!(event, ChainEvent::Block { slot, block: root, .. } if *slot == block.slot && *root == block.root)
            });
            let late = capture.name.starts_with("grandine");
            assert!(known || late, "{}, slot {}", capture.name, block.slot);
        }
        assert_eq!(
            node.asked()[0],
            "/eth/v1/events?topics=head&topics=block&topics=chain_reorg&topics=finalized_checkpoint"
        );
    }
}

#[tokio::test]
async fn a_broken_stream_is_taken_up_again_with_growing_pauses() {
    let Some(answers) = answers(SMALL) else { return };
    let node = FakeNode::scripted(&answers, |asked| match asked.before {
        0 => Some(Fault::Break),
        1..=3 => Some(Fault::Status(503)),
        _ => Some(Fault::ThenSilence),
    })
    .await;
    let (mut events, pacing) = events(&[&node.url]);
    let (_, end) = until_the_end(&mut events).await;
    let EventItem::Disconnected { problem: ApiProblem::BrokenOff { .. }, pause, .. } = end else {
        panic!("{end:?}")
    };
    assert_eq!(pause, Duration::from_millis(500));
    for expected in [1_000, 2_000, 4_000] {
        let item = events.next().await;
        let EventItem::Disconnected { problem: ApiProblem::Failed { status: 503, .. }, pause, .. } = item
        else {
            panic!("{item:?}")
        };
        assert_eq!(pause, Duration::from_millis(expected));
    }
    assert!(matches!(events.next().await, EventItem::Connected { .. }));
    assert!(matches!(events.next().await, EventItem::Event(ChainEvent::Block { slot: Slot(1), .. })));
    let pauses: Vec<u128> = pacing.slept().iter().map(Duration::as_millis).collect();
    assert_eq!(pauses, [500, 1_000, 2_000, 4_000]);
}

#[tokio::test]
async fn a_silent_node_is_left_for_another() {
    let Some(answers) = answers(SMALL) else { return };
    let silent = FakeNode::scripted(&answers, |_| Some(Fault::ThenSilence)).await;
    let other = FakeNode::scripted(&answers, |_| Some(Fault::ThenSilence)).await;
    let (mut events, pacing) = events(&[&silent.url, &other.url]);
    assert_eq!(events.next().await, EventItem::Connected { node: silent.url.as_str().into() });
    let all = captures::named(SMALL).expect("a capture").events().matches("event: ").count();
    for _ in 0..all {
        assert!(matches!(events.next().await, EventItem::Event(_)));
    }
    pacing.fall_silent();
    let item = events.next().await;
    let expected = EventItem::Disconnected {
        node: silent.url.as_str().into(),
        problem: ApiProblem::Timeout { timeout: SILENCE },
        pause: Duration::ZERO,
    };
    assert_eq!(item, expected);
    assert_eq!(events.next().await, EventItem::Connected { node: other.url.as_str().into() });
    assert!(pacing.slept().is_empty());
}

#[tokio::test]
async fn waiting_for_an_event_may_be_given_up() {
    let Some(answers) = answers(SMALL) else { return };
    let node = FakeNode::scripted(&answers, |_| Some(Fault::ThenSilence)).await;
    let (mut events, _) = events(&[&node.url]);
    let mut told = Vec::new();
    let all = captures::named(SMALL).expect("a capture").events().matches("event: ").count();
    while told.len() < all {
        // Polled once and dropped, again and again.
        if let Some(EventItem::Event(event)) = futures::FutureExt::now_or_never(events.next()) {
            told.push(event);
        } else if let EventItem::Event(event) = events.next().await {
            told.push(event);
        }
    }
    let slots: Vec<u64> = told
        .iter()
        .filter_map(|event| if let ChainEvent::Head { slot, .. } = event { Some(slot.0) } else { None })
        .collect();
    assert!(slots.is_sorted() && slots.first() == Some(&1), "{slots:?}");
}

#[tokio::test]
async fn what_makes_no_sense_is_named_and_the_stream_goes_on() {
    let Some(answers) = answers(SMALL) else { return };
    let root = format!("0x{}", "07".repeat(32));
    let text = format!(
        "event: head\ndata: {{\"slot\":\"1\"}}\n\n\
         event: block\ndata: {{\"slot\":\"-1\",\"block\":\"{root}\"}}\n\n\
         event: block\ndata: no JSON\n\n\
         event: chain_reorg\ndata: {{\"slot\":\"1\",\"depth\":\"x\"}}\n\n\
         event: block_gossip\ndata: whatever\n\n\
         event: block\ndata: {{\"slot\":5,\"block\":\"{root}\"}}\n\n"
    );
    let node = FakeNode::scripted(&answers, move |_| Some(Fault::Body(text.clone().into()))).await;
    let (mut events, _) = events(&[&node.url]);
    assert!(matches!(events.next().await, EventItem::Connected { .. }));
    for (event, expected) in [
        ("head", "the field block is missing"),
        ("block", "slot: expected an integer, found \"-1\""),
        ("block", "expected ident"),
        ("chain_reorg", "depth: expected an integer"),
    ] {
        let item = events.next().await;
        let EventItem::Unreadable { node: name, event: found, problem } = item else { panic!("{item:?}") };
        assert_eq!((&*name, found.as_str()), (node.url.as_str(), event));
        assert!(problem.to_string().contains(expected), "{problem}");
    }
    assert!(matches!(
        events.next().await,
        EventItem::Event(ChainEvent::Block { slot: Slot(5), optimistic: false, .. })
    ));
}

#[tokio::test]
async fn a_node_that_refuses_or_floods_is_left() {
    let Some(answers) = answers(SMALL) else { return };
    let refusing = FakeNode::scripted(&answers, |_| Some(Fault::Status(400))).await;
    let flooding = FakeNode::scripted(&answers, |_| Some(Fault::Zeros(1 << 20))).await;
    let (mut events, _) = events(&[&refusing.url, &flooding.url]);
    let item = events.next().await;
    let EventItem::Disconnected { problem: ApiProblem::Refused { status: 400, .. }, .. } = item else {
        panic!("{item:?}")
    };
    assert_eq!(events.next().await, EventItem::Connected { node: flooding.url.as_str().into() });
    let item = events.next().await;
    let EventItem::Disconnected { node, problem, .. } = item else { panic!("{item:?}") };
    assert_eq!(
        (&*node, problem.to_string().as_str()),
        (flooding.url.as_str(), "its answer can't be read: an event is longer than any")
    );
}
