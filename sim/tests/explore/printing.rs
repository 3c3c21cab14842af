//! What people read: reports, diagrams, and that they are the same each time.

use duet_sim::explore::{Diagram, Explorer, Faults, fingerprint};

use crate::alternating_bit::AlternatingBit;
use crate::peterson::{Peterson, Symmetry, Variant};

#[test]
fn two_runs_print_the_same_bytes() {
    let explore = || {
        let model = AlternatingBit {
            values: 3,
            capacity: 3,
            faults: Faults {
                drops: 1,
                duplicates: 2,
                reorders: 1,
                ..Faults::NONE
            },
        };
        let report = Explorer::new(&model).keep_going().breadth_first();
        let mermaid = report.counterexamples[0].mermaid();
        (report.to_string(), mermaid)
    };
    assert_eq!(explore(), explore());
}

#[test]
fn a_report_says_how_far_it_went_and_what_it_found() {
    let model = Peterson {
        variant: Variant::TurnBeforeFlag,
        symmetry: Symmetry::None,
    };
    let report = Explorer::new(&model).depth(9).breadth_first();
    assert_eq!(
        report.to_string(),
        "breadth-first; stopped at a counterexample
bounds: depth 9, any number of states, 2048 MiB
27 states, 40 transitions, 15 of them to states seen before; depth 6; 0 quiescent, 0 pruned, 6 open
a state overlooked: with probability below 2^-119
action step: 40
reached after 3 steps: somebody is inside

BROKEN: at most one is inside [MUTEX-001]
1. Step(0)
2. Step(1)
3. Step(1)
4. Step(1)
5. Step(0)
6. Step(0)

     zero  one
       |    |
1      *    *   Step(0)
2      *    *   Step(1)
3      *    *   Step(1)
4      *    *   Step(1)
5      *    *   Step(0)
6      *    *   Step(0)
       *    *   broken: at most one is inside
       |    |
"
    );
}

#[test]
fn a_counterexample_is_a_diagram() {
    let model = AlternatingBit {
        values: 2,
        capacity: 2,
        faults: Faults {
            drops: 1,
            reorders: 1,
            ..Faults::NONE
        },
    };
    let report = Explorer::new(&model).breadth_first();
    let found = &report.counterexamples[0];
    assert_eq!(
        found.to_string(),
        "BROKEN: what was received is what was sent, in order [ABP-001]
because: received [0, 1, 0]
1. Send
2. Send
3. Transit(Deliver(0>1#0))
4. Transit(Deliver(1>0#0))
5. Send
6. Transit(Reorder(0>1#1))
7. Transit(Deliver(0>1#0))
8. Transit(Deliver(0>1#0))

     sender      receiver
        |            |
1       *            |   sends 0
2       *            |   sends 0
3       |- DATA 0 0 >|
        |            *   has [0]
4       |<- ACK 0 ---|
5       *            |   sends 1
6       *            |   DATA 1 1 overtakes
7       |- DATA 1 1 >|
        |            *   has [0, 1]
8       |- DATA 0 0 >|
        |            *   has [0, 1, 0]
        *            *   broken: what was received is what was sent, in order: received [0, 1, 0]
        |            |
"
    );
    assert_eq!(
        found.mermaid(),
        "sequenceDiagram
    participant p0 as sender
    participant p1 as receiver
    Note over p0: 1. sends 0
    Note over p0: 2. sends 0
    p0->>p1: 3. DATA 0 0
    Note over p1: has [0]
    p1->>p0: 4. ACK 0
    Note over p0: 5. sends 1
    Note over p0: 6. DATA 1 1 overtakes
    p0->>p1: 7. DATA 1 1
    Note over p1: has [0, 1]
    p0->>p1: 8. DATA 0 0
    Note over p1: has [0, 1, 0]
    Note over p0,p1: broken: what was received is what was sent, in order: received [0, 1, 0]
"
    );
}

#[test]
fn mermaid_finds_no_syntax_in_labels() {
    let mut diagram = Diagram::new(["a#1", "b"]);
    diagram.arrow(1, 0, "50 % < 3; end");
    diagram.across("one\ntwo");
    assert_eq!(
        diagram.mermaid(),
        "sequenceDiagram
    participant p0 as a#35;1
    participant p1 as b
    p1->>p0: 50 #37; #lt; 3#59; end
    Note over p0,p1: one<br/>two
"
    );
}

#[test]
fn every_bit_of_the_input_reaches_every_bit_of_the_fingerprint() {
    // By output bit: how often it changes when one input bit does. A fair coin gives 32·64·64 / 2 = 65,536 ± 181.
    let mut flips = [0u32; 128];
    for n in 0..64u64 {
        for bit in 0..64 {
            for place in 0..32usize {
                let mut words = [n; 32];
                let before = fingerprint(&words);
                words[place] ^= 1 << bit;
                let change = before ^ fingerprint(&words);
                for (out, count) in flips.iter_mut().enumerate() {
                    *count += (change >> out & 1) as u32;
                }
            }
        }
    }
    for (bit, count) in flips.into_iter().enumerate() {
        assert!(
            (64_500..66_500).contains(&count),
            "bit {bit} flips {count} times"
        );
    }
}

#[test]
fn small_states_collide_no_more_than_chance_allows() {
    // Among 2¹⁸ random words of 32 bits, 8 pairs are expected to be alike.
    for shift in [0, 32, 64, 96] {
        let mut parts: Vec<u32> = (0..1u32 << 18)
            .map(|n| {
                (fingerprint(&[(n & 0xff) as u8, (n >> 8 & 0xff) as u8, (n >> 16) as u8]) >> shift)
                    as u32
            })
            .collect();
        parts.sort_unstable();
        let alike = parts.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!(alike < 24, "{alike} pairs at {shift}");
    }
}
