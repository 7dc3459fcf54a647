//! The model file seen from outside: its frame, its readable header, its name.

use consensus::{Root, Slot};
use fingerprint::{Client, FeatureSet, Model, TrainingOptions, TrainingRow, TrainingSet};

fn model(rows: u8) -> Model {
    let mut set = TrainingSet::new(FeatureSet::default_four());
    for number in 0..rows {
        let label = if number % 2 == 0 { Client::Prysm } else { Client::Teku };
        let value = f64::from(number) / 8.0;
        let features = vec![value, value * value, 1.0 - value, f64::from(label as u8)];
        let row = TrainingRow { block_root: Root([number; 32]), slot: Slot(number.into()), label, features };
        set.push(row).unwrap();
    }
    Model::train(&set, TrainingOptions::default()).unwrap()
}

#[test]
fn the_frame_is_as_documented() {
    let bytes = model(20).to_bytes();
    assert_eq!(&bytes[..8], b"BLOCKMRK");
    assert_eq!(bytes[8..12], 3u32.to_le_bytes());
    let header = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    let body = u64::from_le_bytes(bytes[16..24].try_into().unwrap()) as usize;
    assert_eq!(bytes.len(), 24 + header + body + 32);
    let (content, checksum) = bytes.split_at(bytes.len() - 32);
    assert_eq!(blake3::hash(content).as_bytes(), checksum);
    let header: serde_json::Value = serde_json::from_slice(&bytes[24..24 + header]).unwrap();
    assert_eq!(header["model"]["classes"], serde_json::json!(["Prysm", "Teku"]));
    assert_eq!(header["model"]["method"], serde_json::json!({"knn": {"k": 9}}));
    assert_eq!(header["model"]["calibration"], "none");
    assert_eq!(header["sections"][0]["name"], "rows");
}

#[test]
fn the_hash_names_the_model() {
    let model = model(20);
    let bytes = model.to_bytes();
    let hash = blake3::hash(&bytes);
    assert_eq!(model.hash(), *hash.as_bytes());
    assert_eq!(model.name("demo"), format!("demo-{}", &hash.to_hex()[..4]));
    assert_eq!(Model::from_bytes(&bytes).unwrap().name("demo"), model.name("demo"));
}

#[test]
fn errors_name_the_remedy() {
    let mut bytes = model(20).to_bytes();
    let text = |bytes: &[u8]| Model::from_bytes(bytes).unwrap_err().to_string();
    assert!(text(b"\x80\x04\x95 a pickle").contains("blockmark train"));
    assert!(text(&bytes[..bytes.len() - 1]).contains("copy it again"));
    bytes[8] = 9;
    assert_eq!(
        text(&bytes),
        "the model file has format version 9, but this program reads version 3; train the model again with this program or use the program that wrote it"
    );
}
