//! The texts of `WASMDYLD_DEBUG=bindings` and `symbols`.

use super::draft::{Draft, sig};
use super::world::{Flags, World};
use crate::plan::*;

fn world() -> World {
    let mut world = World::default();
    let mut a = Draft::library();
    a.import_func("f", sig(0));
    a.import_func("g", sig(0));
    a.got_func("g");
    a.got_mem("d");
    a.import_func("w", sig(0));
    a.weak();
    a.func("f", sig(0));
    a.needs("b");
    world.put("a", a);
    let mut b = Draft::library();
    b.func("f", sig(0));
    b.func("g", sig(0));
    b.data("d", 4);
    b.dylink().memory_size = 8;
    world.put("b", b);
    world
}

#[test]
fn bindings_say_where_each_import_leads_and_how() {
    let text = world().plan("a", Flags::default(), |request, plan| {
        bindings(request, &plan)
    });
    assert_eq!(
        &*text.unwrap(),
        "a: env.f -> a:f (stub)\n\
         a: env.g -> b:g (direct)\n\
         a: GOT.func.g -> b:g (address)\n\
         a: GOT.mem.d -> b:d (address)\n\
         a: env.w -> nothing (traps when called)\n"
    );
}

#[test]
fn bindings_tell_lazy_from_weak() {
    let mut world = World::default();
    let mut a = Draft::library();
    a.import_func("missing", sig(0));
    world.put("a", a);
    let lazy = Flags {
        bind: Bind::Lazy,
        ..Flags::default()
    };
    let text = world.plan("a", lazy, |request, plan| bindings(request, &plan));
    assert_eq!(
        &*text.unwrap(),
        "a: env.missing -> nothing (looked up when called)\n"
    );
}

#[test]
fn symbols_list_definitions_in_scope_order() {
    let text = world().plan("a", Flags::default(), |request, _| symbols(request));
    assert_eq!(&*text.unwrap(), "f in a, b\ng in b\nd in b\n");
}

#[test]
fn symbols_follow_deepbind() {
    let mut world = world();
    let mut main = Draft::library();
    main.func("g", sig(0));
    world.put("main", main);
    let global = Flags {
        global: true,
        ..Flags::default()
    };
    let deepbind = Flags {
        deepbind: true,
        ..Flags::default()
    };
    world.load("main", global).unwrap();
    let text = world.plan("a", Flags::default(), |request, _| symbols(request));
    assert!(text.unwrap().contains("g in main, b\n"));
    let text = world.plan("a", deepbind, |request, _| symbols(request));
    assert!(text.unwrap().contains("g in b, main\n"));
}
