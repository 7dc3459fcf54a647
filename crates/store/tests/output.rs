//! Exports, models, and the client of a validator.

mod support;

use consensus::{Slot, ValidatorIndex};
use fingerprint::Client;
use fingerprint::classifier::Classification;
use store::{AffinityRule, CanonicalState, Format, Verdict, affinity};
use support::{Scratch, block};

#[tokio::test]
async fn an_export_has_every_column() {
    let kept = Scratch::new().create_kept().await;
    let mut first = block(1, 0, 7, Some(Client::Teku));
    first.graffiti = Some("a, \"b\"\nc".to_owned());
    first.model_hash = Some([0xab; 32]);
    first.parent_root = Some(first.block_root);
    first.canonical = CanonicalState::Finalized;
    first.classification.graffiti_guess = Some(Client::Prysm);
    let second = block(2, 1, 8, None);
    kept.store.insert_blocks(&[second.clone(), first.clone()]).await.unwrap();
    let mut text = Vec::new();
    let report = kept.store.export(Format::Csv, &mut text).await.unwrap();
    assert_eq!(report.blocks, 2);
    let root = first.block_root;
    let expected = format!(
        "slot,parent_slot,proposer_index,block_root,root_origin,parent_root,best_guess_single,best_guess_multi,\
         pr_grandine,pr_lighthouse,pr_lodestar,pr_nimbus,pr_other,pr_prysm,pr_teku,graffiti,graffiti_guess,canonical,\
         model_hash\n\
         1,0,7,{root},reported,{root},Teku,Teku,,,,,,,0.97,\"a, \"\"b\"\"\nc\",Prysm,finalized,{}\n\
         2,1,8,{},reported,,Uncertain,Uncertain,,,,,,,,,,unknown,\n",
        "ab".repeat(32),
        second.block_root
    );
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[tokio::test]
async fn models_are_known_by_their_hash() {
    let kept = Scratch::new().create_kept().await;
    let mut row = block(1, 0, 7, None);
    row.model_hash = Some([1; 32]);
    kept.store.insert_blocks(&[row]).await.unwrap();
    assert_eq!(kept.store.model([1; 32]).await.unwrap().unwrap().name, "");
    kept.store.register_model([1; 32], "demo", "{\"rows\":5}").await.unwrap();
    let model = kept.store.model([1; 32]).await.unwrap().unwrap();
    assert_eq!((model.name.as_str(), model.info_json.as_str()), ("demo", "{\"rows\":5}"));
    assert_eq!(kept.store.model([2; 32]).await.unwrap(), None);
    assert_eq!(kept.store.models().await.unwrap().len(), 1);
}

fn verdict(client: Client, probability: f64) -> Classification {
    Classification { probabilities: vec![(client, probability)], ..Classification::from_graffiti(client) }
}

#[test]
fn a_validator_is_judged_by_its_blocks() {
    use Client::{Prysm, Teku};
    let rules = [
        AffinityRule::Latest,
        AffinityRule::RECENT,
        AffinityRule::Mode,
        AffinityRule::WeightedAverage,
        AffinityRule::Median,
    ];
    let judge = |blocks: &[Classification]| {
        let blocks: Vec<&Classification> = blocks.iter().collect();
        rules.map(|rule| affinity(&blocks, rule))
    };
    let (teku, prysm) = (Verdict::Client(Teku), Verdict::Client(Prysm));
    assert_eq!(judge(&[]), [Verdict::Unknown; 5]);
    assert_eq!(judge(&[verdict(Teku, 0.99)]), [teku; 5]);
    // 0.95 is not above 0.95.
    assert_eq!(
        judge(&[verdict(Teku, 0.95)]),
        [Verdict::Uncertain, teku, teku, Verdict::Uncertain, Verdict::Uncertain]
    );
    // It changed its client: the newest three count for k-recent, not all.
    let changed: Vec<_> =
        [Teku, Teku, Teku, Teku, Prysm, Prysm, Prysm].map(|client| verdict(client, 1.0)).to_vec();
    assert_eq!(judge(&changed), [prysm, prysm, teku, Verdict::Uncertain, teku]);
    // As frequent: the newer one.
    assert_eq!(judge(&[verdict(Teku, 1.0), verdict(Prysm, 1.0)])[2], prysm);
    assert_eq!(judge(&[Classification::uncertain(None)]), [Verdict::Uncertain; 5]);
}

#[tokio::test]
async fn affinity_looks_no_further_than_asked() {
    let kept = Scratch::new().create_kept().await;
    kept.store
        .insert_blocks(&[block(10, 9, 7, Some(Client::Teku)), block(20, 19, 7, Some(Client::Prysm))])
        .await
        .unwrap();
    let ask = |until| kept.store.validator_affinity(ValidatorIndex(7), Slot(until), AffinityRule::Latest);
    assert_eq!(ask(9).await.unwrap(), Verdict::Unknown);
    assert_eq!(ask(10).await.unwrap(), Verdict::Client(Client::Teku));
    assert_eq!(ask(20).await.unwrap(), Verdict::Client(Client::Prysm));
}
