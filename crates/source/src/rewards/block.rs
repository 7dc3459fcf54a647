//! One block reward object, of any historical shape, to a [`BlockObservation`].

use consensus::{Gwei, Root, Slot, ValidatorIndex};
use fingerprint::{AttestationSummary, AttestationVote, BlockObservation};

use super::Limits;
use super::cursor::{Cursor, Scan, shown};
use super::error::{Fault, Reason, Step};
use super::seen::{INDEX_BITS, Seen};

/// 32 bytes, each of which may have become a replacement character.
const MAX_GRAFFITI_BYTES: usize = 3 * 32;

const VALIDATOR: &str = "keyed by validator index";

/// What is reused from block to block.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    seen: Seen,
}

/// The keys of one object that were met, to find the same one twice.
#[derive(Default)]
struct Met(u32);

impl Met {
    /// Takes a known key with its value; an error gets the key as its place.
    #[inline]
    fn take<T>(&mut self, bit: u32, key: &'static str, value: impl FnOnce() -> Scan<T>) -> Scan<T> {
        if self.0 & (1 << bit) != 0 {
            return Err(Fault::new(Reason::Repeated).at(Step::Key(key)));
        }
        self.0 |= 1 << bit;
        value().map_err(|fault| fault.at(Step::Key(key)))
    }
}

fn needed<T>(value: Option<T>, key: &'static str) -> Scan<T> {
    value.ok_or_else(|| Fault::new(Reason::Missing).at(Step::Key(key)))
}

#[derive(Default)]
struct Meta {
    slot: Option<u64>,
    parent_slot: Option<u64>,
    proposer_index: Option<u64>,
    graffiti: Option<String>,
}

#[derive(Default)]
struct Attestations {
    total: Option<u64>,
    rewards: Option<Vec<AttestationSummary>>,
    votes: Vec<AttestationVote>,
}

/// Takes one block reward from the cursor.
pub(super) fn block_reward(
    cursor: &mut Cursor<'_>,
    scratch: &mut Scratch,
    limits: &Limits,
) -> Scan<BlockObservation> {
    let mut met = Met::default();
    let mut block_root = None;
    let mut meta = None;
    let mut attestations = None;
    cursor.object(|cursor, key| match key {
        b"block_root" => met.take(0, "block_root", || {
            block_root = Some(root(cursor)?);
            Ok(())
        }),
        b"meta" => met.take(1, "meta", || {
            meta = Some(read_meta(cursor)?);
            Ok(())
        }),
        b"attestation_rewards" => met.take(2, "attestation_rewards", || {
            attestations = Some(attestation_rewards(cursor, scratch, limits)?);
            Ok(())
        }),
        b"total" => met.take(3, "total", || optional_integer(cursor)),
        b"sync_committee_rewards" => met.take(4, "sync_committee_rewards", || optional_integer(cursor)),
        _ => cursor.skip_value(),
    })?;
    let block_root = needed(block_root, "block_root")?;
    let (slot, parent_slot, proposer_index, graffiti) = needed(meta, "meta")?;
    let (attestation_total, rewards, votes) = needed(attestations, "attestation_rewards")?;
    Ok(BlockObservation {
        block_root,
        slot,
        parent_slot,
        fork: None,
        proposer_index,
        graffiti,
        attestation_total,
        rewards,
        votes,
        shapes: Vec::new(),
    })
}

fn read_meta(cursor: &mut Cursor<'_>) -> Scan<(Slot, Slot, ValidatorIndex, String)> {
    let mut met = Met::default();
    let mut meta = Meta::default();
    cursor.object(|cursor, key| match key {
        b"slot" => met.take(0, "slot", || {
            meta.slot = Some(cursor.quoted_integer()?);
            Ok(())
        }),
        b"parent_slot" => met.take(1, "parent_slot", || {
            meta.parent_slot = Some(cursor.quoted_integer()?);
            Ok(())
        }),
        b"proposer_index" => met.take(2, "proposer_index", || {
            meta.proposer_index = Some(cursor.integer()?);
            Ok(())
        }),
        b"graffiti" => met.take(3, "graffiti", || {
            let text = cursor.text()?;
            if text.len() > MAX_GRAFFITI_BYTES {
                return Err(Fault::new(Reason::LongGraffiti {
                    bytes: text.len(),
                    limit: MAX_GRAFFITI_BYTES,
                }));
            }
            meta.graffiti = Some(String::from_utf8_lossy(&text).into_owned());
            Ok(())
        }),
        _ => cursor.skip_value(),
    })?;
    Ok((
        Slot(needed(meta.slot, "slot")?),
        Slot(needed(meta.parent_slot, "parent_slot")?),
        ValidatorIndex(needed(meta.proposer_index, "proposer_index")?),
        needed(meta.graffiti, "graffiti")?,
    ))
}

fn attestation_rewards(
    cursor: &mut Cursor<'_>,
    scratch: &mut Scratch,
    limits: &Limits,
) -> Scan<(Gwei, Vec<AttestationSummary>, Vec<AttestationVote>)> {
    let mut met = Met::default();
    let mut found = Attestations::default();
    cursor.object(|cursor, key| match key {
        b"total" => met.take(0, "total", || {
            found.total = Some(cursor.integer()?);
            Ok(())
        }),
        b"per_attestation_rewards" => met.take(1, "per_attestation_rewards", || {
            found.rewards = Some(reward_maps(cursor, scratch, limits)?);
            Ok(())
        }),
        b"attestations" => met.take(2, "attestations", || {
            if !cursor.take_null() {
                found.votes = votes(cursor, limits)?;
            }
            Ok(())
        }),
        b"prev_epoch_total" => met.take(3, "prev_epoch_total", || optional_integer(cursor)),
        b"curr_epoch_total" => met.take(4, "curr_epoch_total", || optional_integer(cursor)),
        b"prev_epoch_rewards" => met.take(5, "prev_epoch_rewards", || cursor.skip_value()),
        b"curr_epoch_rewards" => met.take(6, "curr_epoch_rewards", || cursor.skip_value()),
        _ => cursor.skip_value(),
    })?;
    let total = Gwei(needed(found.total, "total")?);
    Ok((total, needed(found.rewards, "per_attestation_rewards")?, found.votes))
}

fn reward_maps(
    cursor: &mut Cursor<'_>,
    scratch: &mut Scratch,
    limits: &Limits,
) -> Scan<Vec<AttestationSummary>> {
    let mut rewards = Vec::with_capacity(64);
    let mut validators = 0;
    cursor.array(|cursor, index| {
        within(index, limits.attestations, "attestations")?;
        let left = limits.validators.saturating_sub(validators);
        let summary = reward_map(cursor, &mut scratch.seen, left, limits)
            .map_err(|fault| fault.at(Step::Index(index)))?;
        validators += summary.fresh_validators as usize;
        rewards.push(summary);
        Ok(())
    })?;
    Ok(rewards)
}

fn within(index: usize, limit: usize, what: &'static str) -> Scan<()> {
    if index < limit { Ok(()) } else { Err(Fault::new(Reason::TooMany { what, limit })) }
}

fn reward_map(
    cursor: &mut Cursor<'_>,
    seen: &mut Seen,
    left: usize,
    limits: &Limits,
) -> Scan<AttestationSummary> {
    if !cursor.take(b'{') {
        return Err(cursor.mismatch("an object"));
    }
    let mut summary = AttestationSummary::default();
    if cursor.take(b'}') {
        return Ok(summary);
    }
    seen.clear();
    let (mut total, mut plain_total) = (0u64, 0u64);
    let mut count = 0usize;
    let mut repeated = None;
    loop {
        cursor.peek();
        let ended = cursor.plain_entries(|validator, reward| {
            // Seven digits at most, and far fewer than 2^40 of them: this can't overflow unnoticed below.
            plain_total += reward;
            count += 1;
            if !seen.insert(validator) {
                repeated = Some(validator);
            }
            repeated.is_none() && count <= left
        });
        if let Some(validator) = repeated {
            return Err(Fault::new(Reason::Repeated).at(Step::Validator(validator.to_string())));
        }
        if count > left {
            return Err(too_many(limits));
        }
        if ended {
            break;
        }
        // A space or line more, a large number, the last bytes of the text: entry by entry.
        let (validator, reward) = any_entry(cursor)?;
        total = total.checked_add(reward).ok_or_else(|| Fault::new(Reason::SumTooLarge))?;
        count += 1;
        if !seen.insert(validator) {
            return Err(Fault::new(Reason::Repeated).at(Step::Validator(validator.to_string())));
        }
        if count > left {
            return Err(too_many(limits));
        }
        if cursor.take(b',') {
            continue;
        }
        if cursor.take(b'}') {
            break;
        }
        return Err(cursor.unexpected("a comma or the end of the object"));
    }
    let total = total.checked_add(plain_total).ok_or_else(|| Fault::new(Reason::SumTooLarge))?;
    summary.fresh_validators = u32::try_from(count).unwrap_or(u32::MAX);
    summary.total = Gwei(total);
    Ok(summary)
}

#[cold]
fn too_many(limits: &Limits) -> Box<Fault> {
    Fault::new(Reason::TooMany { what: "validators in one block", limit: limits.validators })
}

/// An entry of a reward map in any spelling JSON allows.
#[cold]
#[inline(never)]
fn any_entry(cursor: &mut Cursor<'_>) -> Scan<(u64, u64)> {
    if cursor.peek() != Some(b'"') {
        return Err(cursor.unexpected("a key"));
    }
    let key = cursor.text()?;
    let validator = std::str::from_utf8(&key)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse::<u64>().ok())
        .filter(|index| *index < 1 << INDEX_BITS);
    let Some(validator) = validator else {
        let found = format!("\"{}\"", shown(&key));
        return Err(Fault::new(Reason::Expected { expected: VALIDATOR, found }));
    };
    if !cursor.take(b':') {
        return Err(cursor.unexpected("a colon"));
    }
    match cursor.integer() {
        Ok(reward) => Ok((validator, reward)),
        Err(fault) => Err(fault.at(Step::Validator(shown(&key)))),
    }
}

fn votes(cursor: &mut Cursor<'_>, limits: &Limits) -> Scan<Vec<AttestationVote>> {
    let mut votes = Vec::with_capacity(64);
    cursor.array(|cursor, index| {
        within(index, limits.attestations, "attestations")?;
        votes.push(vote(cursor).map_err(|fault| fault.at(Step::Index(index)))?);
        Ok(())
    })?;
    Ok(votes)
}

fn vote(cursor: &mut Cursor<'_>) -> Scan<AttestationVote> {
    let mut met = Met::default();
    let (mut slot, mut index, mut head) = (None, None, None);
    cursor.object(|cursor, key| match key {
        b"slot" => met.take(0, "slot", || {
            slot = Some(cursor.quoted_integer()?);
            Ok(())
        }),
        b"index" => met.take(1, "index", || {
            index = Some(cursor.quoted_integer()?);
            Ok(())
        }),
        b"beacon_block_root" => met.take(2, "beacon_block_root", || {
            head = Some(root(cursor)?);
            Ok(())
        }),
        b"source" => met.take(3, "source", || cursor.skip_value()),
        b"target" => met.take(4, "target", || cursor.skip_value()),
        _ => cursor.skip_value(),
    })?;
    Ok(AttestationVote {
        slot: Slot(needed(slot, "slot")?),
        index: needed(index, "index")?,
        beacon_block_root: needed(head, "beacon_block_root")?,
    })
}

fn root(cursor: &mut Cursor<'_>) -> Scan<Root> {
    const EXPECTED: &str = "a root (0x and 64 hexadecimal digits)";
    cursor.peek();
    let start = cursor.position();
    if cursor.bytes().get(start) != Some(&b'"') {
        return Err(cursor.mismatch(EXPECTED));
    }
    let text = cursor.text()?;
    let parsed = std::str::from_utf8(&text).ok().and_then(|text| text.parse::<Root>().ok());
    parsed.ok_or_else(|| {
        cursor.set_position(start);
        cursor.mismatch(EXPECTED)
    })
}

/// An integer that is checked and not kept, or null.
fn optional_integer(cursor: &mut Cursor<'_>) -> Scan<()> {
    if cursor.take_null() {
        return Ok(());
    }
    cursor.integer().map(drop)
}
