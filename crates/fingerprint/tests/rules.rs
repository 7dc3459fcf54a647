//! What a block shows that some client never does: each sign has blocks with it and without it.

use consensus::spec::Fork;
use consensus::{Epoch, Gwei, Slot};
use fingerprint::{
    AttestationShape, AttestationSummary, AttestationVote, BlockObservation, Client, Sign, Signs,
};
use proptest::prelude::*;

const BLOCK_SLOT: u64 = 1_000;

/// An attestation of the slot so many before the block's, of an epoch of its own data, that pays so much, also alone.
#[derive(Clone, Copy, Debug)]
struct Made {
    back: u64,
    epoch: u64,
    new: u32,
    paid: u64,
    alone: u64,
    same_data_as: Option<u32>,
    right_target: bool,
}

const WIDE: Made = Made {
    back: 1,
    epoch: 31,
    new: 100,
    paid: 100_000,
    alone: 100_000,
    same_data_as: None,
    right_target: true,
};

fn pays(paid: u64, alone: u64) -> Made {
    Made { paid, alone, ..WIDE }
}

fn back(slots: &[u64]) -> Vec<Made> {
    let made = |(place, back): (u64, &u64)| Made { back: *back, ..pays(900_000 - place, 900_000 - place) };
    (0..).zip(slots).map(made).collect()
}

fn block(attestations: &[Made]) -> BlockObservation {
    let vote = |made: &Made| AttestationVote {
        slot: Slot(BLOCK_SLOT.saturating_sub(made.back)),
        ..AttestationVote::default()
    };
    let shape = |(place, made): (u32, &Made)| AttestationShape {
        new: made.new,
        paid: Gwei(made.paid),
        alone: Gwei(made.alone),
        same_data_as: made.same_data_as.unwrap_or(place),
        epoch: Epoch(made.epoch),
        right_target: made.right_target,
        ..AttestationShape::default()
    };
    BlockObservation {
        slot: Slot(BLOCK_SLOT),
        fork: Some(Fork::Electra),
        rewards: vec![AttestationSummary::default(); attestations.len()],
        votes: attestations.iter().map(vote).collect(),
        shapes: (0..).zip(attestations).map(shape).collect(),
        ..BlockObservation::default()
    }
}

fn shown(attestations: &[Made]) -> Vec<Sign> {
    Signs::of(&block(attestations)).expect("a block of Electra").iter().collect()
}

#[test]
fn each_sign_is_seen_where_it_is_and_nowhere_else() {
    let cases: &[(&str, Vec<Made>, Vec<Sign>)] = &[
        ("nothing", vec![], vec![]),
        ("one", vec![WIDE], vec![]),
        ("pays the same", vec![WIDE, WIDE], vec![]),
        // Rounding of each vote can make so much of a difference, and no more.
        ("rounded", vec![WIDE, pays(100_200, 100_200)], vec![]),
        ("rises", vec![WIDE, pays(100_201, 99_999)], vec![Sign::PayRises]),
        ("rises alone", vec![WIDE, pays(99_999, 100_201)], vec![]),
        ("rises twofold", vec![WIDE, pays(100_201, 100_201)], vec![Sign::PayRises, Sign::NeitherOrder]),
        ("worthless", vec![WIDE, pays(0, 0)], vec![Sign::PaysNothing]),
        ("worthless after more", vec![WIDE, pays(0, 200_000)], vec![Sign::PaysNothing, Sign::NeitherOrder]),
        (
            "rises at the end, where the target is wrong",
            vec![WIDE, pays(50_000, 60_000), Made { right_target: false, ..pays(90_000, 90_000) }],
            vec![Sign::PayRises],
        ),
        (
            "a wrong target in the middle",
            vec![WIDE, Made { right_target: false, ..pays(50_000, 60_000) }, pays(90_000, 90_000)],
            vec![Sign::PayRises, Sign::NeitherOrder],
        ),
        ("32 slots", back(&[1, 32]), vec![]),
        ("33 slots", back(&[1, 33]), vec![Sign::Older32]),
        ("34 slots", back(&[1, 34]), vec![Sign::Older32, Sign::Older33]),
        ("the same data", vec![WIDE, Made { same_data_as: Some(0), ..WIDE }], vec![Sign::RepeatedData]),
        (
            "the same data, apart",
            vec![WIDE, WIDE, Made { same_data_as: Some(1), ..WIDE }],
            vec![Sign::RepeatedData],
        ),
        ("epochs fall", vec![WIDE, Made { epoch: 30, ..WIDE }], vec![]),
        ("epochs rise", vec![Made { epoch: 30, ..WIDE }, WIDE], vec![Sign::PreviousEpochFirst]),
        ("no new vote", vec![WIDE, Made { new: 0, ..WIDE }], vec![Sign::NothingNew]),
        ("two runs", back(&[1, 2, 2, 5, 1, 3, 4]), vec![]),
        ("three runs", back(&[1, 2, 5, 1, 3, 2, 4]), vec![Sign::ManyRuns]),
        ("three runs of a full block", back(&[1, 2, 5, 1, 3, 2, 4, 5]), vec![]),
    ];
    for (name, attestations, signs) in cases {
        assert_eq!(&shown(attestations), signs, "{name}");
    }
    for sign in Sign::ALL {
        let seen = cases.iter().filter(|(_, _, signs)| signs.contains(&sign)).count();
        assert!(seen > 0 && seen < cases.len(), "{sign:?}");
    }
}

#[test]
fn signs_rule_out_whom_they_are_about() {
    let ruled_out = |signs: Signs| -> Vec<Client> {
        Client::ALL.into_iter().filter(|client| signs.rules_out(*client)).collect()
    };
    let all: Signs = Sign::ALL.into_iter().collect();
    assert_eq!(ruled_out(all), Client::NAMED);
    assert!(all.rules_out_all());
    assert_eq!(ruled_out(Signs::NONE), []);
    assert!(!Signs::NONE.rules_out_all());
    // Every sign is about somebody, and everybody is met by one.
    assert!(Sign::ALL.into_iter().all(|sign| !ruled_out(Signs::NONE.with(sign)).is_empty()));
    let old: Signs = [Sign::Older32, Sign::RepeatedData].into_iter().collect();
    assert_eq!(ruled_out(old), [Client::Grandine, Client::Lighthouse, Client::Nimbus]);
    assert_eq!(old.against(Client::Grandine), Some(Sign::Older32));
    assert_eq!(old.against(Client::Teku), None);
    // The first sign is told where two speak against a client.
    assert_eq!(old.with(Sign::PaysNothing).against(Client::Lighthouse), Some(Sign::PaysNothing));
}

#[test]
fn blocks_that_are_not_known_well_enough_show_nothing_at_all() {
    let whole = block(&[WIDE, WIDE]);
    assert!(Signs::of(&whole).is_some());
    for fork in Fork::ALL {
        let judged = Signs::of(&BlockObservation { fork: Some(fork), ..whole.clone() }).is_some();
        assert_eq!(judged, fork >= Fork::Electra, "{fork}");
    }
    assert_eq!(Signs::of(&BlockObservation { fork: None, ..whole.clone() }), None);
    assert_eq!(Signs::of(&BlockObservation { shapes: Vec::new(), ..whole.clone() }), None);
    assert_eq!(Signs::of(&BlockObservation { votes: Vec::new(), ..whole }), None);
    assert_eq!(Signs::of(&block(&[])), Some(Signs::NONE));
}

#[test]
fn bits_are_kept_for_ever() {
    let codes: Vec<(u32, &str)> =
        Sign::ALL.into_iter().map(|sign| (Signs::NONE.with(sign).bits(), sign.code())).collect();
    assert_eq!(
        codes,
        [
            (1, "pays_nothing"),
            (2, "pay_rises"),
            (4, "older_than_32_slots"),
            (8, "older_than_33_slots"),
            (16, "repeated_data"),
            (32, "previous_epoch_first"),
            (64, "nothing_new"),
            (128, "many_runs"),
            (256, "neither_order"),
        ]
    );
    assert_eq!(Signs::from_bits(512), None);
    assert_eq!(Signs::from_bits(u32::MAX), None);
}

/// Small numbers, often the same, and the largest.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, Just(u64::MAX), Just(BLOCK_SLOT), any::<u64>()]
}

prop_compose! {
    fn made()(
        back in number(), epoch in number(), new in prop_oneof![Just(u32::MAX), 0..3_u32], paid in number(),
        alone in number(), same in proptest::option::of(any::<u32>()), right_target in any::<bool>(),
    ) -> Made {
        Made { back, epoch, new, paid, alone, same_data_as: same, right_target }
    }
}

proptest! {
    #[test]
    fn whatever_a_block_is_made_of_its_signs_are_a_set(made in proptest::collection::vec(made(), 0..140)) {
        let observation = block(&made);
        let signs = Signs::of(&observation).expect("a block of Electra");
        prop_assert_eq!(Signs::from_bits(signs.bits()), Some(signs));
        prop_assert_eq!(signs.iter().collect::<Signs>(), signs);
        for client in Client::ALL {
            prop_assert_eq!(signs.rules_out(client), signs.iter().any(|sign| sign.rules_out(client)));
        }
        prop_assert!(!signs.rules_out(Client::Other));
        // Whoever looks back 33 slots at most looks back 32, and order needs two.
        prop_assert!(!signs.contains(Sign::Older33) || signs.contains(Sign::Older32));
        if made.len() < 2 {
            prop_assert!(!signs.contains(Sign::PayRises) && !signs.contains(Sign::PreviousEpochFirst));
            prop_assert!(!signs.contains(Sign::ManyRuns) && !signs.contains(Sign::NeitherOrder));
        }
    }

    #[test]
    fn any_bits_are_refused_or_come_back(bits in any::<u32>()) {
        let small = bits & 0x3ff;
        for bits in [bits, small] {
            let signs = Signs::from_bits(bits);
            prop_assert_eq!(signs.is_some(), bits < 512);
            prop_assert!(signs.is_none_or(|signs| signs.bits() == bits));
        }
    }
}
