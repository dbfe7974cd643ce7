/**
 * @file
 * wasmdyld for C++17 and later: a header over wasmdyld.h, with nothing to link but the library.
 *
 *     wasmdyld::Engine engine;
 *     wasmdyld::Namespace ns(engine, wasmdyld::Config().library_path("libs"));
 *     ns.set_wasi();
 *     ns.define("env", "log", [](std::int32_t n) { std::cout << n << '\n'; });
 *     auto lib = ns.load("libadd.so");
 *     auto add = lib.function<int(int, int)>("add");
 *     int three = add(1, 2);
 *
 * **Errors.** Everything that can fail has two spellings. `try_load` gives a wasmdyld::Result, a value or a wasmdyld::Error, and does not
 * throw. `load` gives the value and throws a wasmdyld::Exception with that error; what constructs (`Engine engine;`) has `try_create` for
 * its other spelling. Where exceptions are off (-fno-exceptions), only the first are declared, and Result::value ends the program. Memory
 * that runs out is std::bad_alloc in both. A call of a function, `add(1, 2)`, has `add.try_call(1, 2)`.
 *
 * **Ownership.** Engine, Store, Namespace, Library and GuestArray own something, are move-only, and give it up when they go. What they are
 * made of lives as long as they need it, so that they may go in any order. Object, Symbol, Function, Memory and NamespaceRef are references:
 * small, to be copied, and checked. One that has outlived what it refers to gives an error. Span and std::string_view are views, which are
 * not checked: Memory says how long they are good.
 *
 * **Threads.** A namespace, its store and all that refers to it are used by one thread at a time. Engine, EngineLibrary, Config and Error
 * may be used by several threads while none changes them.
 *
 * **Engines.** On an engine that was opened at run time (EngineLibrary), all goes through that engine's own functions: the same program
 * runs on any of them.
 */
#ifndef WASMDYLD_HH
#define WASMDYLD_HH

#include <wasmdyld/clocks.hh>
#include <wasmdyld/config.hh>
#include <wasmdyld/engine.hh>
#include <wasmdyld/error.hh>
#include <wasmdyld/folder.hh>
#include <wasmdyld/function.hh>
#include <wasmdyld/link.hh>
#include <wasmdyld/memory.hh>
#include <wasmdyld/namespace.hh>
#include <wasmdyld/object.hh>
#include <wasmdyld/snapshot.hh>
#include <wasmdyld/values.hh>

#endif
