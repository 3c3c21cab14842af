//! Random operations, of which some often go together.

use duet_protocol::server::Duplicates;
use proptest::prelude::*;
use proptest::sample::select;

use super::op::{Ban, Case, DEVICES, Device, Key, Mood, Name, Op, Person, Relation, Run, Step, To};

/// Some do more than others, so that who moderates a room is often the one who asks for it.
fn device() -> impl Strategy<Value = Device> {
    prop_oneof![4 => Just(0), 1 => Just(1), 3 => Just(2), 1 => Just(3), 2 => Just(4)]
        .prop_map(Device)
}

fn person() -> impl Strategy<Value = Person> {
    (1..=3_u64).prop_map(Person)
}

fn name() -> impl Strategy<Value = Name> {
    prop_oneof![10 => Just(Name(0)), 2 => Just(Name(1)), 1 => Just(Name(2))]
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![6 => Just(Key::Nothing), 2 => Just(Key::Word), 2 => Just(Key::Ticket)]
}

fn capacity() -> impl Strategy<Value = u8> {
    select(vec![100, 2, 3])
}

fn run() -> impl Strategy<Value = Run> {
    let bits = prop_oneof![3 => Just((false, false)), 3 => Just((true, false)), 1 => Just((false, true)), 1 => Just((true, true))];
    bits.prop_map(|(lobby, locked)| Run { lobby, locked })
}

fn ban() -> impl Strategy<Value = Ban> {
    select(vec![Ban::No, Ban::TenSeconds, Ban::ForLife])
}

fn about_rooms() -> impl Strategy<Value = Op> {
    let (by, whom) = (device, person);
    prop_oneof![
        10 => (by(), name(), key(), prop::bool::weighted(0.7))
            .prop_map(|(by, name, key, by_name)| Op::Join { by, name, key, by_name }),
        2 => (by(), name(), key(), capacity(), run())
            .prop_map(|(by, name, key, capacity, run)| Op::Create { by, name, key, capacity, run }),
        4 => (by(), name()).prop_map(|(by, name)| Op::Leave { by, name }),
        4 => (by(), name(), prop::option::weighted(0.3, key()), prop::option::weighted(0.4, capacity()),
              prop::option::weighted(0.7, run()))
            .prop_map(|(by, name, key, capacity, run)| Op::Set { by, name, key, capacity, run }),
        5 => (by(), name(), device(), prop::bool::weighted(0.7))
            .prop_map(|(by, name, whom, yes)| Op::Admit { by, name, whom, yes }),
        3 => (by(), name(), whom(), any::<bool>())
            .prop_map(|(by, name, whom, moderator)| Op::Appoint { by, name, whom, moderator }),
        4 => (by(), name(), whom(), ban()).prop_map(|(by, name, whom, ban)| Op::Kick { by, name, whom, ban }),
        1 => (by(), name(), whom()).prop_map(|(by, name, whom)| Op::Unban { by, name, whom }),
        1 => (by(), name()).prop_map(|(by, name)| Op::Close { by, name }),
        3 => (by(), name(), whom()).prop_map(|(by, name, whom)| Op::Grant { by, name, whom }),
    ]
}

fn about_streams() -> impl Strategy<Value = Op> {
    let by = device;
    prop_oneof![
        3 => (by(), name(), 1..3_u8).prop_map(|(by, name, stream)| Op::Publish { by, name, stream }),
        1 => (by(), name(), 1..3_u8).prop_map(|(by, name, stream)| Op::Unpublish { by, name, stream }),
        3 => (by(), name(), device(), 1..3_u8)
            .prop_map(|(by, name, whose, stream)| Op::Subscribe { by, name, whose, stream }),
        1 => (by(), name(), device(), 1..3_u8)
            .prop_map(|(by, name, whose, stream)| Op::Unsubscribe { by, name, whose, stream }),
    ]
}

fn about_people() -> impl Strategy<Value = Op> {
    let to = prop_oneof![
        2 => person().prop_map(To::Person),
        1 => device().prop_map(To::Device),
        2 => name().prop_map(To::Room),
    ];
    let relation = select(vec![
        Relation::None,
        Relation::Contact,
        Relation::Contact,
        Relation::Blocked,
    ]);
    let mood = select(vec![Mood::Online, Mood::Away, Mood::Busy, Mood::Offline]);
    prop_oneof![
        6 => (device(), to, any::<bool>()).prop_map(|(by, to, data)| Op::Write { by, to, data }),
        3 => (device(), person(), relation).prop_map(|(by, whom, relation)| Op::List { by, whom, relation }),
        2 => (device(), mood).prop_map(|(by, mood)| Op::Show { by, mood }),
        1 => (device(), person()).prop_map(|(by, whom)| Op::LookUp { by, whom }),
    ]
}

fn about_calls() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (device(), person(), any::<bool>()).prop_map(|(by, whom, pictures)| Op::Call { by, whom, pictures }),
        4 => (device(), any::<bool>()).prop_map(|(by, pictures)| Op::Accept { by, pictures }),
        3 => device().prop_map(Op::HangUp),
    ]
}

fn about_links() -> impl Strategy<Value = Op> {
    // A little more than 10, 20, 30, 120 and 600 s, too.
    let times = prop_oneof![6 => Just(1), 4 => Just(4), 4 => Just(8), 4 => Just(12), 2 => Just(46), 1 => Just(227)];
    let yes = || prop::bool::weighted(0.8);
    prop_oneof![
        8 => device().prop_map(Op::LogIn),
        2 => device().prop_map(Op::LogOut),
        2 => device().prop_map(Op::Restart),
        3 => device().prop_map(Op::Cut),
        6 => device().prop_map(Op::Mend),
        5 => times.prop_map(Op::Wait),
        1 => (yes(), yes(), yes()).prop_map(|(joins, calls, contacts)| Op::Service { joins, calls, contacts }),
    ]
}

/// A session's media is in one room at a time, so a run has either calls or streams in other rooms.
fn any_op(calls: bool) -> impl Strategy<Value = Op> {
    let media = match calls {
        true => about_calls().boxed(),
        false => about_streams().boxed(),
    };
    prop_oneof![
        5 => about_rooms().boxed(),
        2 => about_people().boxed(),
        2 => media,
        2 => about_links().boxed(),
    ]
}

fn any_step(calls: bool) -> impl Strategy<Value = Step> {
    let with = prop::option::weighted(0.2, any_op(calls));
    let blip = prop::option::weighted(0.1, (device(), 1..60_u64));
    (any_op(calls), with, blip)
        .boxed()
        .prop_map(|(op, with, blip)| Step {
            op,
            with: with.filter(|with| op.goes_with(with)),
            // A link that breaks while it is made, or for good, is another matter.
            blip: blip.filter(|_| {
                !op.is_about_sessions() && !with.is_some_and(|op| op.is_about_sessions())
            }),
        })
}

/// What often goes together, so that random runs come to where something can happen.
fn idiom() -> impl Strategy<Value = Vec<Step>> {
    let name = Name(0);
    let join = move |by, key| {
        let by_name = true;
        Op::Join {
            by,
            name,
            key,
            by_name,
        }
    };
    let lobby = move |by| {
        let run = Some(Run {
            lobby: true,
            locked: false,
        });
        let (key, capacity) = (None, None);
        Op::Set {
            by,
            name,
            key,
            capacity,
            run,
        }
    };
    let two = || (device(), device());
    let ops = prop_oneof![
        3 => two().prop_map(move |(by, with)| vec![join(by, Key::Nothing), join(with, Key::Nothing)]),
        2 => (two(), prop::bool::weighted(0.7)).prop_map(move |((by, whom), yes)| {
            let admit = Op::Admit { by, name, whom, yes };
            vec![lobby(by), join(whom, Key::Nothing), admit]
        }),
        1 => two().prop_map(move |(by, with)| {
            let grant = Op::Grant { by, name, whom: with.owner() };
            vec![grant, join(with, Key::Ticket)]
        }),
        3 => (two(), any::<[bool; 2]>()).prop_map(|((by, with), [offered, pictures])| {
            let call = Op::Call { by, whom: with.owner(), pictures: offered };
            vec![call, Op::Accept { by: with, pictures }]
        }),
        1 => two().prop_map(|(by, with)| {
            let list = |by: Device, whom: Device| {
                let (whom, relation) = (whom.owner(), Relation::Contact);
                Op::List { by, whom, relation }
            };
            vec![list(by, with), list(with, by)]
        }),
    ];
    let crossing = two().prop_filter("two people", |(by, with)| by.owner() != with.owner());
    let crossing = crossing.prop_map(|(by, with)| {
        let call = |by: Device, whom: Device| {
            let (whom, pictures) = (whom.owner(), false);
            Op::Call { by, whom, pictures }
        };
        vec![Step {
            with: Some(call(with, by)),
            ..Step::of(call(by, with))
        }]
    });
    prop_oneof![
        10 => ops.prop_map(|ops| ops.into_iter().map(Step::of).collect()),
        1 => crossing,
    ]
}

/// Any run of about so many steps, most devices being logged in at first.
pub(super) fn any_case(most: usize) -> impl Strategy<Value = Case> {
    let policy = prop_oneof![
        8 => Just(Duplicates::Several),
        1 => Just(Duplicates::FirstWins),
        1 => Just(Duplicates::NewestWins),
    ];
    let online = prop::collection::vec(prop::bool::weighted(0.9), DEVICES.len());
    let phrases = any::<bool>().prop_flat_map(move |calls| {
        let phrase = prop_oneof![
            4 => any_step(calls).prop_map(|step| vec![step]).boxed(),
            1 => idiom().prop_filter("no calls beside streams", move |steps| {
                calls || !steps.iter().any(|step| matches!(step.op, Op::Call { .. }))
            }).boxed(),
        ];
        prop::collection::vec(phrase, 1..=most)
    });
    (0..300_u64, policy, online, phrases).prop_map(|(seed, policy, online, phrases)| {
        let online = Device::all().filter(|device| online[device.0]);
        let logins = online.map(|device| Step::of(Op::LogIn(device)));
        Case {
            seed,
            policy,
            steps: logins.chain(phrases.into_iter().flatten()).collect(),
        }
    })
}
