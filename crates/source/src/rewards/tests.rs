use super::*;

#[test]
fn reads_one() {
    let text = br#"{"block_root":"0x5316104db4a56be70b9ec5042b92caa38188747f40fd2a52a13d93c656fcaa4d","meta":{"slot":"9","parent_slot":8,"proposer_index":3,"graffiti":"hi"},"attestation_rewards":{"total":10,"per_attestation_rewards":[{"7": 10, "12345678": 5},{}]}}"#;
    let block = parse_block_reward(text).unwrap();
    assert_eq!(block.rewards.len(), 2);
    assert_eq!(block.rewards[0].total.0, 15);
}
