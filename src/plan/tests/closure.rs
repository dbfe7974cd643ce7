//! The closure of needed libraries, where a golden plan cannot show it.

use super::draft::Draft;
use super::world::{Flags, World};
use crate::error::Code;
use crate::plan::needed::{Root, closure};
use crate::plan::*;

fn world(edges: &[(&str, &[&str])]) -> World {
    let mut world = World::default();
    for (name, needed) in edges {
        let mut draft = Draft::library();
        for needed in *needed {
            draft.needs(needed);
        }
        world.put(name, draft);
    }
    world
}

fn names(closure: &needed::Closure) -> Vec<&str> {
    closure.fresh.iter().map(|f| f.name.as_ref()).collect()
}

#[test]
fn each_file_is_read_once() {
    let mut world = world(&[("a", &["b", "c", "b2"]), ("b", &["c"]), ("c", &["a", "b"])]);
    world.shelf.link("b", "b2");
    let closure = world.closure("a").unwrap();
    assert_eq!(names(&closure), ["a", "b", "c"]);
    assert_eq!(world.shelf.opened, ["a", "b", "c"]);
}

#[test]
fn a_loaded_file_is_not_read_again() {
    let mut world = world(&[("a", &[]), ("b", &["a", "a2"])]);
    world.shelf.link("a", "a2");
    world.load("a", Flags::default()).unwrap();
    world.load("b", Flags::default()).unwrap();
    assert_eq!(world.shelf.opened, ["a", "b"]);
    assert_eq!(world.id("a"), world.id("a2"));
}

#[test]
fn a_second_load_of_a_library_adds_nothing() {
    let mut world = world(&[("a", &["b"]), ("b", &[])]);
    world.load("a", Flags::default()).unwrap();
    let closure = world.closure("a").unwrap();
    assert!(closure.fresh.is_empty());
    assert_eq!(closure.group, [ObjectId(0), ObjectId(1)]);
}

#[test]
fn needed_names_each_object_once_in_order() {
    let mut world = world(&[("a", &["c", "b", "c", "c2"]), ("b", &[]), ("c", &[])]);
    world.shelf.link("c", "c2");
    let closure = world.closure("a").unwrap();
    assert_eq!(closure.fresh[0].needed, [ObjectId(1), ObjectId(2)]);
    assert_eq!(names(&closure), ["a", "c", "b"]);
}

#[test]
fn roots_that_are_one_file_are_one_root() {
    let mut world = world(&[("a", &[])]);
    world.shelf.link("a", "a2");
    world.preloads = vec!["a2".to_string(), "a".to_string()];
    let closure = world.closure("a").unwrap();
    assert_eq!(closure.roots, [ObjectId(0)]);
    assert_eq!(closure.group, [ObjectId(0)]);
}

#[test]
fn a_loaded_object_can_be_a_root() {
    let mut world = world(&[("a", &["b"]), ("b", &[])]);
    world.load("a", Flags::default()).unwrap();
    let id = world.id("a");
    let roots = vec![Root::Loaded(id)];
    let closure = closure(&world.model, roots, &mut world.shelf, 2).unwrap();
    assert_eq!(closure.roots, [id]);
    assert_eq!(closure.group, world.model.group(id));
}

/// The first object keeps a name, so that undoing the load of a second one of that name loses nothing.
#[test]
fn a_name_stays_with_its_first_object() {
    let mut world = world(&[("a", &[]), ("other", &[]), ("user", &["a"])]);
    world.load("a", Flags::default()).unwrap();
    let id = world.id("a");
    // A host opens another file of the same name by its path.
    let mut found = world.closure("other").unwrap().fresh.remove(0);
    found.name = "a".into();
    let roots = vec![Root::Found(Box::new(found))];
    let closure = closure(&world.model, roots, &mut world.shelf, 10).unwrap();
    assert_eq!(closure.fresh.len(), 1, "it is another object");
    let options = Options {
        bind: Bind::Now,
        plt: Plt::Auto,
        stack_size: 0,
        limits: world.limits.clone(),
        global: false,
        deepbind: false,
    };
    let request = Request {
        model: &world.model,
        fresh: &closure.fresh,
        group: &closure.group,
        roots: &closure.roots,
        options: &options,
        now: world.now,
    };
    let mut plan = plan(&request).unwrap();
    world.model.commit(closure, &mut plan, &options);
    assert_eq!(world.id("a"), id);
    world.load("user", Flags::default()).unwrap();
    assert_eq!(world.model.nodes[&world.id("user")].found.needed, [id]);
}

#[test]
fn a_missing_library_adds_nothing() {
    let mut world = world(&[("a", &["b", "none"]), ("b", &[])]);
    let error = world.load("a", Flags::default()).map(|_| ()).unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(error.chain(), ["none, needed by a"]);
    assert!(world.model.nodes.is_empty() && world.model.names.is_empty());
}

#[test]
fn object_numbers_do_not_wrap() {
    let mut world = world(&[("a", &["b"]), ("b", &[])]);
    world.model.next = u32::MAX - 1;
    let error = world.load("a", Flags::default()).map(|_| ()).unwrap_err();
    assert_eq!(error.code(), Code::Limit, "{error}");
}

/// A library whose file is called otherwise than the library.
fn with_soname(soname: &str) -> Draft {
    let mut draft = Draft::library();
    draft.dylink().soname = Some(soname.into());
    draft
}

#[test]
fn what_needs_a_soname_gets_the_object_that_has_it() {
    let mut world = world(&[("user", &["libx.so.1"]), ("both", &["x", "libx.so.1"])]);
    world.put("x", with_soname("libx.so.1"));
    let closure = world.closure("both").unwrap();
    assert_eq!(names(&closure), ["both", "x"]);
    assert_eq!(closure.fresh[0].needed, [ObjectId(1)]);

    // No file is called so.
    let error = world.closure("user").map(|_| ()).unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    world.load("x", Flags::default()).unwrap();
    world.load("user", Flags::default()).unwrap();
    assert_eq!(world.id("libx.so.1"), world.id("x"));
    assert_eq!(world.shelf.opened, ["both", "x", "user", "x", "user"]);
}

/// As a file of that name would have it: what is asked for first decides, and a claim takes nothing from anybody.
#[test]
fn a_soname_stays_with_the_first_object_that_has_it_by_whatever_right() {
    let mut world = world(&[("libx.so.1", &[]), ("user", &["libx.so.1"])]);
    world.put("one", with_soname("libx.so.1"));
    world.put("two", with_soname("libx.so.1"));
    for name in ["libx.so.1", "one"] {
        world.load(name, Flags::default()).unwrap();
    }
    assert_ne!(world.id("libx.so.1"), world.id("one"));
    let closure = world.closure("user").unwrap();
    assert_eq!(closure.fresh[0].needed, [world.id("libx.so.1")]);

    let mut claims = self::world(&[("a", &["one", "two", "libx.so.1"])]);
    claims.put("one", with_soname("libx.so.1"));
    claims.put("two", with_soname("libx.so.1"));
    let closure = claims.closure("a").unwrap();
    assert_eq!(names(&closure), ["a", "one", "two"]);
    assert_eq!(closure.fresh[0].needed, [ObjectId(1), ObjectId(2)]);
    let called = closure
        .names
        .iter()
        .filter(|(name, _)| **name == *"libx.so.1");
    assert_eq!(called.map(|(_, id)| *id).collect::<Vec<_>>(), [ObjectId(1)]);
}

#[test]
fn a_name_that_a_library_has_for_itself_goes_with_it() {
    let mut world = world(&[("user", &["libx.so.1"])]);
    world.put("x", with_soname("libx.so.1"));
    world.load("x", Flags::default()).unwrap();
    assert!(world.model.names.contains_key("libx.so.1"));
    let id = world.id("x");
    world.model.remove(&std::iter::once(id).collect());
    assert!(world.model.names.is_empty());
}
