//! Serves the dashboard over a temporary database of made-up verdicts, to look at it in a browser.
//!
//! `cargo run -p api --example preview -- [full|few|empty|stale|closed|gap|majority|close|unknown|drift] [port]`

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use api::{AppState, ChainClock, Entities, PrivateAccess, Settings, router};
use consensus::{Gwei, Root, Slot, ValidatorIndex};
use fingerprint::score::Slicing;
use fingerprint::{
    Classification, Client, DataOrigin, FeatureSet, Model, ModelOrigin, Sign, Signs, Thresholds,
    TrainingOptions, TrainingRow, TrainingSet, examine,
};
use store::{
    AttestationRow, Attestations, BlockRow, CanonicalState, Gap, GapCause, GapNote, OpenMode, RootOrigin,
    RowShape, Store,
};

/// Made-up shares of the clients that the model tells apart.
const SHARES: [(Client, f64); 5] = [
    (Client::Lighthouse, 0.44),
    (Client::Prysm, 0.29),
    (Client::Nimbus, 0.10),
    (Client::Teku, 0.09),
    (Client::Grandine, 0.03),
];

const GRAFFITI: [&str; 6] = [
    "",
    "https://example.org, run by volunteers",
    "<script>alert('graffiti')</script> & \"friends\"",
    "made at home",
    "\u{202e}gnihton seman",
    "hello from a home staker with a very long graffit",
];

/// A small generator; a preview needs no better one.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn root(&mut self) -> Root {
        let mut root = [0; 32];
        root.iter_mut().for_each(|byte| *byte = (self.next() * 256.0) as u8);
        Root(root)
    }
}

fn values(client: Client, random: &mut Random, columns: usize) -> Vec<f64> {
    (0..columns)
        .map(|column| {
            let centre = ((client.index() * 3 + column * 5) % 7) as f64 / 8.0 + 0.1;
            (centre + (random.next() - 0.5) * 1.3).clamp(0.0, 1.0)
        })
        .collect()
}

fn model(random: &mut Random) -> Model {
    let features = FeatureSet::viable();
    // Beside what the model looks at, what its test results are divided by.
    let more = ["num_attestations", "norm_reward_per_slot"];
    let columns = FeatureSet::from_names(features.names().chain(more)).expect("distinct features");
    let mut set = TrainingSet::new(columns);
    for (slot, (client, _)) in SHARES.iter().cycle().take(3_000).enumerate() {
        let mut row = values(*client, random, features.len());
        // The fewer attestations, the less a block tells.
        let attestations = (random.next().sqrt() * 8.0).ceil();
        if random.next() < 0.4 / attestations {
            row = values(choose(random.next(), 0.0), random, features.len());
        }
        let reward = features.position("norm_reward").and_then(|at| row.get(at)).copied().unwrap_or(1.0);
        let distance = if random.next() < 0.03 { 2.0 } else { 1.0 };
        row.extend([attestations, reward / distance]);
        set.push(TrainingRow {
            block_root: random.root(),
            slot: Slot(slot as u64),
            label: *client,
            features: row,
        })
        .expect("the row has the width of the set");
    }
    let options = TrainingOptions {
        features,
        note: ModelOrigin { trained_on: DataOrigin::GENERATED, evaluated_on: Vec::new() },
        ..TrainingOptions::default()
    };
    let slicings = Slicing::of(&set, Some(32));
    let scores = examine(&set, &options, 5, &slicings).expect("the made-up rows can be divided");
    Model::train(&set, options)
        .expect("the made-up rows can be trained on")
        .with_scores(scores.into(), DataOrigin::GENERATED)
}

/// The client of a place between 0 and 1.
fn choose(place: f64, drift: f64) -> Client {
    let mut left = place;
    for (client, share) in SHARES {
        let share = if client == Client::Lighthouse { share + drift } else { share - drift / 4.0 };
        if left < share {
            return client;
        }
        left -= share;
    }
    Client::Lodestar
}

/// Where a validator stands among all, the same for its whole life.
fn place_of(validator: u64) -> f64 {
    Random(validator.wrapping_mul(0x517c_c1b7_2722_0a95)).next()
}

/// Names of validators; one is long, one holds markup.
const ENTITIES: &str = "entity,first_index,last_index
Kiln,0,799
An Unusually Long Name Of A Cooperative Of Home Stakers From Many Countries,800,1199
<b>Bold</b> & Sons,1200,1299
Small Pool,1300,1303
Rocket Pool,1304,1900
";

fn verdict(
    client: Client,
    graffiti: &str,
    model: &Model,
    unknown: f64,
    random: &mut Random,
) -> Classification {
    let signed = model.graffiti_guess(graffiti);
    if client == Client::Lodestar {
        return Classification::from_graffiti(client);
    }
    let sure = 0.35 + 0.65 * (1.0 - random.next().powi(3));
    let mut rest: Vec<f64> = SHARES.iter().map(|_| random.next().powi(3)).collect();
    for (weight, (other, _)) in rest.iter_mut().zip(SHARES) {
        if other == client {
            *weight = 0.0;
        }
    }
    let sum: f64 = rest.iter().sum::<f64>().max(1e-9);
    let mut probabilities: Vec<_> = SHARES
        .iter()
        .zip(rest)
        .map(|((other, _), weight)| {
            (*other, if *other == client { sure } else { (1.0 - sure) * weight / sum })
        })
        .collect();
    probabilities.sort_by_key(|(client, _)| *client);
    if random.next() < unknown {
        probabilities.iter_mut().for_each(|(_, value)| *value = value.min(0.41));
        return Classification { probabilities, ..Classification::uncertain(signed) };
    }
    Classification::from_probabilities(probabilities, signed, Thresholds::default())
}

/// Causes for parts of the gaps.
async fn note_gaps(store: &Store, now: u64) -> Result<(), store::StoreError> {
    let gaps = store.gaps().await?;
    let Some(wide) = gaps.iter().rev().find(|gap| gap.end.0 - gap.start.0 > 10_000) else { return Ok(()) };
    let middle = wide.start.0 + 6_000;
    let note = |start, end, cause, detail: &str, next_try| GapNote {
        gap: Gap { start: Slot(start), end: Slot(end) },
        cause,
        detail: detail.to_owned(),
        tries: 3,
        last_try: now - 900,
        next_try,
    };
    let pruned = "The node keeps blocks of the last 5 days only, and no era file has these slots.";
    let late = "The second node did not answer within 10 s.";
    store
        .note_gaps(&[
            note(wide.start.0, middle, GapCause::Pruned, pruned, None),
            note(middle + 1, wide.end.0 - 900, GapCause::Unreachable, late, Some(now + 1_800)),
        ])
        .await?;
    store.offer_work(&[Gap { start: Slot(wide.end.0 - 800), end: wide.end }]).await?;
    store.take_work(now * 1_000, (now + 3_600) * 1_000).await?;
    Ok(())
}

/// What a block may show: most break no rule, some that of a client they are not of, few those of all.
fn signs(client: Client, broken: f64, random: &mut Random) -> Signs {
    match random.next() {
        all if all < broken => Sign::ALL.into_iter().collect(),
        own if own < broken + 0.012 => {
            Sign::ALL.into_iter().filter(|sign| sign.rules_out(client)).take(1).collect()
        }
        some if some < 0.5 => {
            let others = Sign::ALL.into_iter().filter(|sign| !sign.rules_out(client));
            others.filter(|_| random.next() < 0.4).collect()
        }
        _ => Signs::NONE,
    }
}

/// A block of a made-up proposer.
#[allow(clippy::too_many_arguments, reason = "a preview needs no better shape")]
fn made_up(
    slot: u64,
    parent: (u64, Root),
    drift: f64,
    unknown: f64,
    age: u64,
    is_left: bool,
    broken: f64,
    model: &Model,
    random: &mut Random,
) -> BlockRow {
    let proposer = (random.next() * 4_000.0) as u64;
    // Most blocks look as their validator's client packs them, a few do not.
    let place = if random.next() < 0.03 { random.next() } else { place_of(proposer) };
    let client = choose(place, drift);
    let graffiti = match random.next() {
        // A few sign as another client.
        signed if signed < 0.002 => "teku/v25.6.0".to_owned(),
        signed if signed < 0.1 => format!("{client}/v7.1.0"),
        other => GRAFFITI.get((other * 6.0) as usize).copied().unwrap_or_default().to_owned(),
    };
    BlockRow {
        block_root: random.root(),
        root_known: RootOrigin::Reported,
        parent_root: Some(parent.1),
        slot: Slot(slot),
        parent_slot: Slot(parent.0),
        proposer_index: ValidatorIndex(proposer),
        classification: verdict(client, &graffiti, model, unknown, random),
        graffiti: Some(graffiti),
        model_hash: Some(model.hash()),
        canonical: match age {
            _ if is_left => CanonicalState::Orphaned,
            0..64 => CanonicalState::Canonical,
            _ => CanonicalState::Finalized,
        },
        features: (age < 200).then(|| {
            let names = model.features().names().map(str::to_owned);
            names.zip(values(client, random, model.features().len())).collect()
        }),
        attestations: attestations(slot, age, random),
        signs: Some(signs(client, broken, random)),
        first_seen_ms: (age < 5_000).then(|| {
            let late = if is_left {
                4_000.0 + random.next() * 5_000.0
            } else {
                800.0 + random.next().powi(2) * 3_000.0
            };
            ChainClock::MAINNET.start_of(slot) * 1_000 + late as u64
        }),
    }
}

/// Attestations as mainnet's blocks may have them. Older blocks tell their number only, as after a retention.
fn attestations(slot: u64, age: u64, random: &mut Random) -> Attestations {
    let count = 1 + (random.next().powi(2) * 8.0) as usize;
    if age >= 200 {
        return Attestations::Counted(count.min(8) as u32);
    }
    let row = |position: usize, random: &mut Random| {
        let wide = position == 0 || random.next() < 0.3;
        let committees = if wide { u64::MAX } else { 1 << (random.next() * 64.0) as u32 };
        let members = committees.count_ones() * 470;
        let new = if position == 0 {
            members - (random.next() * 300.0) as u32
        } else {
            (random.next() * 90.0) as u32
        };
        let shape = RowShape {
            committees,
            committees_of_slot: 64,
            repeated: if position == 0 { 0 } else { members - new - (random.next() * 9.0) as u32 },
            paid: Gwei(u64::from(new) * 1_040),
        };
        let delay = if position < 2 { 1 } else { 1 + (random.next().powi(3) * 20.0) as u64 };
        AttestationRow { slot: Slot(slot - delay), new, shape: Some(shape) }
    };
    Attestations::Listed((0..count.min(8)).map(|position| row(position, random)).collect())
}

/// A block in every slot from now on.
async fn go_on(
    store: Store,
    clock: ChainClock,
    mut parent: (u64, Root),
    model: Arc<Model>,
    mut random: Random,
) -> Result<(), store::StoreError> {
    loop {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let slot = clock.slot_at(now);
        if slot > parent.0 {
            let row = made_up(slot, parent, 0.02, 0.03, 0, false, 0.008, &model, &mut random);
            parent = (slot, row.block_root);
            store.insert_blocks(&[row]).await?;
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scenario = std::env::args().nth(1).unwrap_or_else(|| "full".to_owned());
    let port: u16 = std::env::args().nth(2).and_then(|port| port.parse().ok()).unwrap_or(8010);
    let directory = tempfile::tempdir()?;
    let store = Store::open(directory.path().join("preview.sqlite"), OpenMode::Create).await?;
    let clock = ChainClock::MAINNET;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let head = clock.slot_at(now) - if scenario == "stale" { 400 } else { 0 };
    let slots: u64 = match scenario.as_str() {
        "empty" => 0,
        "few" => 96,
        "closed" | "stale" | "close" => 3 * 7_200,
        _ => 40 * 7_200,
    };
    let mut random = Random(7);
    let model = model(&mut random);
    let mut rows = Vec::new();
    let mut parent = (head - slots, random.root());
    let unknown = if scenario == "unknown" { 0.55 } else { 0.03 };
    for slot in head - slots + 1..=head {
        let age = head - slot;
        let in_gap = scenario == "gap" && (70_000..90_000).contains(&age);
        let missed = random.next() < 0.01 || age == 4;
        if in_gap || missed {
            if in_gap {
                parent.0 = slot;
            }
            continue;
        }
        let drift = match scenario.as_str() {
            "majority" => 0.26,
            "close" => -0.105,
            _ => 0.02 - 0.08 * age as f64 / 288_000.0,
        };
        let is_left = age == 7 || slot % 701 == 0 || slot % 2_801 < 2;
        let broken = if scenario == "drift" && age < 9 * 7_200 { 0.041 } else { 0.008 };
        let row = made_up(slot, parent, drift, unknown, age, is_left, broken, &model, &mut random);
        if !is_left {
            parent = (slot, row.block_root);
        }
        rows.push(row);
    }
    for batch in rows.chunks(8_192) {
        store.insert_blocks(batch).await?;
    }
    if scenario == "gap" {
        note_gaps(&store, now).await?;
    }
    let settings = Settings {
        clock: Some(clock),
        entities: Arc::new(Entities::parse("entities.csv", ENTITIES)?),
        private: if scenario == "closed" { PrivateAccess::Closed } else { PrivateAccess::Open },
        ..Settings::default()
    };
    let model = Arc::new(model);
    if !matches!(scenario.as_str(), "stale" | "empty") {
        tokio::spawn(go_on(store.clone(), clock, parent, Arc::clone(&model), random));
    }
    let state = AppState::new(store, Some(model), settings);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://127.0.0.1:{port}/ shows {scenario}");
    axum::serve(listener, router(state)).await?;
    Ok(())
}
