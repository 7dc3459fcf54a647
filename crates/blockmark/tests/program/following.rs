//! Serving block rewards of a chain that is followed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use testkit::{DevNode, Network, Tree, TreePlan};

use crate::place::Place;
use crate::trouble::signal;

/// One request; the answer ends with the connection.
fn get(address: &str, path: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("it takes requests");
    connection
}

fn answer(address: &str, path: &str) -> String {
    let mut answer = String::new();
    get(address, path).read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn a_chain_is_followed_and_its_rewards_are_served_until_it_is_told_to_stop() {
    let tree = Tree::grow(TreePlan { slots: 20, branch_percent: 0, ..TreePlan::default() });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let node = runtime.block_on(DevNode::start(Network::of(&tree)));
    node.put_state("finalized", &tree.genesis);
    for (root, block) in &tree.blocks {
        node.add_block(*root, block.clone());
    }
    node.set_head(tree.head());
    let place = Place::new();
    let words = ["serve", "--db", "new.sqlite", "--listen", "127.0.0.1:0", "--beacon-node", &node.url];
    let mut child = place.command(&words).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !line.starts_with("Dashboard: http://") {
        line.clear();
        assert!(said.read_line(&mut line).expect("text") > 0, "it ended before it served");
    }
    let address = line["Dashboard: http://".len()..].split('/').next().expect("an address").to_owned();
    let head = tree.slot(&tree.head());
    let path = format!("/lighthouse/analysis/block_rewards?start_slot=1&end_slot={head}");
    let whole = loop {
        let answer = answer(&address, &path);
        // Until it has caught up it says that it has not.
        if answer.starts_with("HTTP/1.1 200") && answer.contains(&tree.head().to_string()) {
            break answer;
        }
        assert!(child.try_wait().expect("a state").is_none(), "it ended: {answer}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert!(tree.main.iter().all(|root| whole.contains(&root.to_string())));
    // An open stream of events does not keep it from stopping.
    let mut events = get(&address, "/eth/v1/events?topics=block_reward");
    let mut first = [0; 12];
    events.read_exact(&mut first).expect("the stream begins");
    assert_eq!(&first, b"HTTP/1.1 200");
    signal(&child, "-TERM");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));

    // A state of another chain ends it with a sentence.
    let foreign = Tree::grow(TreePlan { slots: 9, seed: 9, ..TreePlan::default() });
    place.write("state.ssz", foreign.genesis.encode().expect("an encoding"));
    let mut words = words.to_vec();
    words.extend(["--checkpoint", "state.ssz"]);
    place.run(&words).exits(1).says("is of the network with genesis_validators_root");
}
