//! A published run whose parts are gone or were changed is not "already published", and with
//! `--overwrite` it makes them again.

use super::*;

const MODES: [fn(&Path) -> io::Result<MoveMode>; 2] = [WHOLE, PART_BY_PART];

type Loss = (&'static str, fn(&Path), &'static str);

/// What may happen to the first part of the first output, and what is said about it.
const LOSSES: [Loss; 4] = [
    ("gone", |part| fs::remove_file(part).expect("a part"), "is gone"),
    ("cut", |part| fs::write(part, "f1").expect("a part"), "has 2 bytes instead of 6"),
    (
        "a link",
        |part| {
            fs::remove_file(part).expect("a part");
            symlink("part-00001.json", part).expect("a link");
        },
        "is gone",
    ),
    (
        "all gone",
        |part| fs::remove_dir_all(part.ancestors().nth(2).expect("to")).expect("to"),
        "is gone",
    ),
];

fn lost(begun: Result<Begun, PublishError>) -> LostParts {
    match begun {
        Err(PublishError::Lost { lost, .. }) => lost,
        other => panic!("not lost: {other:?}"),
    }
}

#[test]
fn a_lost_part_is_named_and_made_again_with_overwrite() {
    for mode in MODES {
        for (about, lose, what) in LOSSES {
            let world = World::with(mode);
            world.publish("f1", false, 3);
            let whole = world.tree();
            lose(&world.outputs[0].join(part_path(0)));
            let before = world.tree();
            let found = lost(world.begin("f1", false));
            let named = found.names.first().expect("it is named");
            assert!(
                named.contains("job-000/part-00000.json` ") && named.ends_with(what),
                "{named}"
            );
            assert_eq!(
                (found.names.len(), found.count),
                if about == "all gone" { (3, 3) } else { (1, 1) }
            );
            assert_eq!(world.tree(), before, "{about}: nothing has changed");
            if about == "a link" {
                // A link is nobody's part, and stays.
                foreign_files(world.begin("f1", true));
                assert_eq!(world.tree(), before);
                continue;
            }
            world.publish("f1", true, 3);
            assert_eq!(world.tree(), whole, "{about}");
            assert!(matches!(world.begin("f1", false), Ok(Begun::AlreadyPublished { .. })));
        }
    }
}

/// Another run makes other bytes: for it, a part of another size is foreign.
#[test]
fn another_run_does_not_replace_a_part_of_another_size() {
    for mode in MODES {
        let world = World::with(mode);
        world.publish("f1", false, 1);
        fs::write(world.outputs[0].join(part_path(0)), "longer than it was").expect("a part");
        let before = world.tree();
        foreign_files(world.begin("f2", true));
        assert_eq!(world.tree(), before);
    }
}

/// What lies beside the parts is foreign to the same run too, and so is a file with a part's name
/// that its manifest does not list.
#[test]
fn nothing_but_the_parts_of_the_manifest_is_replaced() {
    for name in ["out/json/notes.txt", "out/json/job-000/part-00001.json"] {
        for mode in MODES {
            let world = World::with(mode);
            world.publish("f1", false, 1);
            fs::remove_file(world.outputs[0].join(part_path(0))).expect("a part");
            world.put(name);
            let before = world.tree();
            foreign_files(world.begin("f1", true));
            assert_eq!(world.tree(), before, "{name}");
        }
    }
}

/// A run that may make the parts again and is killed lets the next one do so.
#[test]
fn a_killed_run_that_makes_parts_again_can_be_repeated() {
    for mode in MODES {
        let world = World::with(mode);
        world.publish("f1", false, 2);
        let whole = world.tree();
        fs::write(world.outputs[1].join(part_path(1)), "").expect("a part");
        kill(world.written("f1", true, 1));
        world.publish("f1", false, 2);
        assert_eq!(world.tree(), whole);
    }
}

#[test]
fn at_most_ten_lost_parts_are_named() {
    let world = World::new();
    world.publish("f1", false, 7);
    for to in &world.outputs {
        fs::remove_dir_all(to).expect("an output");
    }
    let found = lost(world.begin("f1", false));
    assert_eq!((found.names.len(), found.count), (10, 14));
    assert!(found.to_string().ends_with("is gone and 4 more"), "{found}");
}
