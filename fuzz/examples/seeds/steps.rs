//! Steps of the ends whose segments are put together again.

use crate::seed;

/// What a step does, and who and how it does it, as `plan.rs` has it.
const DATA: u8 = 0;
const CUT: u8 = 5;
const LIE: u8 = 6;
const ACK: u8 = 7;
const FIN: u8 = 9;
const RST: u8 = 10;
const PROBE: u8 = 11;
const CLOSED_WINDOW: u8 = 12;
const OPEN: u8 = 13;
const AGAIN: u8 = 14;
const PASS: u8 = 15;
const OTHER: u8 = 0x04;
const NEXT: u8 = 0x08;
const LONG: u8 = 0x10;
const NO_SYN: u8 = 0x60;
const SYN_ACK_ALONE: u8 = 0x40;

/// A step at an offset, or so many holes of 50 bytes behind what was sent.
fn step(what: u8, who: u8, at: u16, much: u8) -> [u8; 6] {
    let [low, high] = at.to_le_bytes();
    [what, who, low, high, much, 2]
}

pub(crate) fn write() {
    let answer = NEXT | OTHER;
    let talk =
        [step(DATA, NEXT, 0, 40), step(ACK, answer, 0, 0), step(DATA, answer, 0, 90), step(ACK, NEXT, 0, 0)];
    let scenes: [(&str, Vec<[u8; 6]>); 12] = [
        (
            "talk",
            [&talk[..], &talk, &[step(FIN, NEXT, 0, 0), step(FIN, answer, 0, 0), step(ACK, NEXT, 0, 0)]]
                .concat(),
        ),
        ("reset", [&talk[..], &[step(RST, answer, 0, 1), step(DATA, NEXT, 0, 10)]].concat()),
        (
            "hole",
            [&talk[..], &[step(DATA, NEXT, 1, 40), step(DATA, NEXT, 0, 40), step(DATA, 0, 40, 50)]].concat(),
        ),
        ("overlaps", (0..12).map(|at| step(DATA, 0, 400 - at * 30, 70)).collect()),
        ("liar", (0..8).map(|at| step(if at % 2 == 0 { DATA } else { LIE }, 0, at * 20, 60)).collect()),
        (
            "cut",
            [&talk[..], &[step(CUT, NEXT, 0, 60), step(DATA, NEXT, 0, 9), step(CUT, NEXT | LONG, 1, 90)]]
                .concat(),
        ),
        (
            "probes",
            [
                &talk[..],
                &[
                    step(PROBE, 0, 0, 1),
                    step(PROBE, 0, 0, 0),
                    step(CLOSED_WINDOW, answer, 0, 0),
                    step(PROBE, 0, 0, 1),
                ],
            ]
            .concat(),
        ),
        (
            "middle",
            [&[step(DATA, NO_SYN, 900, 50), step(DATA, 0, 700, 30), step(ACK, OTHER, 1500, 0)][..], &talk]
                .concat(),
        ),
        ("answered", [&[step(ACK, SYN_ACK_ALONE, 0, 0)][..], &talk, &talk].concat()),
        ("reuse", [&talk[..], &[step(OPEN, OTHER, 0, 0)], &talk, &[step(OPEN, 0, 0, 0)], &talk].concat()),
        ("copies", talk.iter().flat_map(|one| [*one, step(AGAIN, 0, 0, 0)]).collect()),
        (
            "crowd",
            (0..30)
                .map(|at| {
                    step(
                        if at % 7 == 6 { PASS } else { DATA },
                        (at % 3) as u8 | ((at % 2) as u8 * 4),
                        at * 35 % 200,
                        30,
                    )
                })
                .collect(),
        ),
    ];
    for (name, steps) in scenes {
        for (bounds, limits) in [(0, "wide"), (2, "held"), (3, "few")] {
            seed("reassembly", &format!("{name}-{limits}"), &[&[bounds][..], &steps.concat()].concat());
        }
    }
}
