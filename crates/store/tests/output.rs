//! Exports, models, and the client of a validator.

mod support;

use std::fs::File;

use consensus::{Slot, ValidatorIndex};
use fingerprint::classifier::Classification;
use fingerprint::{Client, Sign, Signs};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use store::{AffinityRule, Attestations, BlockRow, CanonicalState, Format, StoreError, Verdict, affinity};
use support::{Engine, Scratch, attestations, block, each_engine};

each_engine!(
    an_export_has_every_column,
    a_parquet_file_gives_the_blocks_back,
    an_export_that_finds_no_room_says_so,
    models_are_known_by_their_hash,
    affinity_looks_no_further_than_asked
);

async fn an_export_has_every_column(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let mut first = block(1, 0, 7, Some(Client::Teku));
    first.graffiti = Some("a, \"b\"\nc".to_owned());
    first.model_hash = Some([0xab; 32]);
    first.parent_root = Some(first.block_root);
    first.canonical = CanonicalState::Finalized;
    first.classification.graffiti_guess = Some(Client::Prysm);
    first.attestations = attestations(1, 3);
    first.signs = Some(Signs::NONE.with(Sign::Older32).with(Sign::RepeatedData));
    first.first_seen_ms = Some(1_763_800_000_123);
    let second = block(2, 1, 8, None);
    let third = BlockRow { signs: Some(Signs::NONE), ..block(3, 2, 8, None) };
    kept.store.insert_blocks(&[third.clone(), second.clone(), first.clone()]).await.unwrap();
    let mut text = Vec::new();
    let report = kept.store.export(Format::Csv, &mut text).await.unwrap();
    assert_eq!(report.blocks, 3);
    let root = first.block_root;
    let expected = format!(
        "slot,parent_slot,proposer_index,block_root,root_origin,parent_root,best_guess_single,best_guess_multi,\
         pr_grandine,pr_lighthouse,pr_lodestar,pr_nimbus,pr_other,pr_prysm,pr_teku,graffiti,graffiti_guess,canonical,\
         model_hash,attestations,signs,ruled_out,first_seen_ms\n\
         1,0,7,{root},reported,{root},Teku,Teku,,,,,,,0.97,\"a, \"\"b\"\"\nc\",Prysm,finalized,{},3,older_than_32_slots repeated_data,\
         Grandine Lighthouse Nimbus,1763800000123\n\
         2,1,8,{},reported,,Uncertain,Uncertain,,,,,,,,,,unknown,,,,,\n\
         3,2,8,{},reported,,Uncertain,Uncertain,,,,,,,,,,unknown,,,none,none,\n",
        "ab".repeat(32),
        second.block_root,
        third.block_root
    );
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

async fn a_parquet_file_gives_the_blocks_back(engine: Engine) {
    // More than one row group.
    const BLOCKS: u64 = 70_000;
    let kept = Scratch::on(engine).create_kept().await;
    let rows: Vec<_> = (1..=BLOCKS)
        .map(|slot| {
            let mut row = block(slot, slot - 1, slot % 9, Client::from_index((slot % 8) as usize));
            row.graffiti = slot.is_multiple_of(3).then(|| format!("é {}", slot % 100));
            row.parent_root = slot.is_multiple_of(2).then_some(row.block_root);
            row.model_hash = slot.is_multiple_of(5).then_some([slot as u8; 32]);
            row.classification.graffiti_guess = slot.is_multiple_of(7).then_some(Client::Prysm);
            if slot.is_multiple_of(11) {
                row.attestations = Attestations::Counted(slot as u32 % 129);
                row.signs = Some(Signs::NONE.with(Sign::ManyRuns));
                row.first_seen_ms = Some(slot);
            }
            row
        })
        .collect();
    kept.store.insert_blocks(&rows).await.unwrap();
    let path = kept.scratch.file("blocks.parquet");
    assert_eq!(Format::of_path(&path), Format::Parquet);
    let mut file = File::create(&path).unwrap();
    assert_eq!(kept.store.export(Format::Parquet, &mut file).await.unwrap().blocks, BLOCKS);

    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    assert_eq!(reader.num_row_groups(), 2);
    let mut read = 0;
    for (found, row) in reader.get_row_iter(None).unwrap().zip(&rows) {
        let cells: Vec<(String, Field)> = found.unwrap().into_columns();
        let cell = |name: &str| &cells.iter().find(|(known, _)| known == name).unwrap().1;
        let bytes =
            |hash: Option<[u8; 32]>| hash.map_or(Field::Null, |hash| Field::Bytes(hash.to_vec().into()));
        let text = |text: Option<&str>| text.map_or(Field::Null, |text| Field::Str(text.to_owned()));
        let verdict = &row.classification;
        for (name, expected) in [
            ("slot", Field::Long(row.slot.0 as i64)),
            ("attestations", row.attestations.count().map_or(Field::Null, |count| Field::Long(count.into()))),
            ("signs", text(row.signs.map(|_| "many_runs"))),
            ("ruled_out", text(row.signs.map(|_| "Teku"))),
            ("first_seen_ms", row.first_seen_ms.map_or(Field::Null, |at| Field::Long(at as i64))),
            ("parent_slot", Field::Long(row.parent_slot.0 as i64)),
            ("proposer_index", Field::Long(row.proposer_index.0 as i64)),
            ("block_root", bytes(Some(row.block_root.0))),
            ("root_origin", text(Some("reported"))),
            ("parent_root", bytes(row.parent_root.map(|root| root.0))),
            ("best_guess_single", text(Some(verdict.single_name()))),
            ("best_guess_multi", text(Some(&verdict.best_guess_multi))),
            ("graffiti", text(row.graffiti.as_deref())),
            ("graffiti_guess", text(verdict.graffiti_guess.map(Client::name))),
            ("canonical", text(Some("unknown"))),
            ("model_hash", bytes(row.model_hash)),
        ] {
            assert_eq!(cell(name), &expected, "{name} of {}", row.slot);
        }
        for client in Client::ALL {
            let known = verdict.probabilities.iter().find(|(known, _)| *known == client);
            let expected = known.map_or(Field::Null, |(_, probability)| Field::Double(*probability));
            assert_eq!(cell(&format!("pr_{}", client.name().to_lowercase())), &expected);
        }
        assert_eq!(cells.len(), 23);
        read += 1;
    }
    assert_eq!(read, BLOCKS);
}

/// A writer with room for some bytes.
struct Narrow(usize);

impl std::io::Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn an_export_that_finds_no_room_says_so(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    let rows: Vec<_> = (1..500).map(|slot| block(slot, slot - 1, slot, None)).collect();
    kept.store.insert_blocks(&rows).await.unwrap();
    for (format, room) in
        [Format::Csv, Format::Parquet].into_iter().flat_map(|f| [2, 3000].map(|room| (f, room)))
    {
        let error = kept.store.export(format, &mut Narrow(room)).await.unwrap_err();
        let StoreError::Write(source) = &error else { panic!("{error:?}") };
        assert!(source.to_string().contains("no storage space"), "{error}");
    }
}

async fn models_are_known_by_their_hash(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
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

async fn affinity_looks_no_further_than_asked(engine: Engine) {
    let kept = Scratch::on(engine).create_kept().await;
    kept.store
        .insert_blocks(&[block(10, 9, 7, Some(Client::Teku)), block(20, 19, 7, Some(Client::Prysm))])
        .await
        .unwrap();
    let ask = |until| kept.store.validator_affinity(ValidatorIndex(7), Slot(until), AffinityRule::Latest);
    assert_eq!(ask(9).await.unwrap(), Verdict::Unknown);
    assert_eq!(ask(10).await.unwrap(), Verdict::Client(Client::Teku));
    assert_eq!(ask(20).await.unwrap(), Verdict::Client(Client::Prysm));
}
