// The grammars of npm's tree-sitter-wasms, which emscripten has made: each is loaded, and parses with tree-sitter's own library.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { Namespace } = await import(pathToFileURL(path.join(process.env.WASMDYLD_TEST_JS, "dist/index.js")).href);
const libraryPath = path.join(process.env.WASMDYLD_GUESTS, "lib");
const grammars = path.join(process.env.WASMDYLD_TEST_JS_OTHERS, "node_modules/tree-sitter-wasms/out");

/** The versions of grammars that this release of tree-sitter takes. */
const [OLDEST, NEWEST] = [13, 15];
/** By the grammar's name: a text, and how its tree begins. */
const TEXTS = {
  c: ["int f(int a) { return a ? a + 1 : 0; }", /^\(translation_unit \(function_definition type: \(primitive_type\) declarator: \(function_declarator/],
  python: ["def f(a, *b):\n    return [x for x in b if x > a]\n", /^\(module \(function_definition name: \(identifier\) parameters: \(parameters .*\(list_comprehension/],
  javascript: ["const f = async (x) => `${await x}`;", /^\(program \(lexical_declaration \(variable_declarator .*\(arrow_function .*\(template_substitution \(await_expression/],
  typescript: ["type A<T> = T extends string ? 1 : never;", /^\(program \(type_alias_declaration .*\(conditional_type/],
  rust: ["fn f<'a>(x: &'a str) -> usize { x.len() }", /^\(source_file \(function_item name: \(identifier\) type_parameters:/],
  cpp: ["template <class T> auto f(T t) { return R\"x(a)x\"; }", /^\(translation_unit \(template_declaration .*\(raw_string_literal/],
  json: ['{"a": [1, null, true]}', /^\(document \(object \(pair key: \(string .*\(null\) \(true\)/],
  yaml: ["a:\n  - 1\n  - b: |\n      text\n", /^\(stream \(document \(block_node \(block_mapping .*\(block_scalar/],
  html: ["<p>a<br>b</p>", /^\(document \(element \(start_tag \(tag_name\)\)/],
  bash: ["for a in *.c; do echo \"$a\"; done", /^\(program \(for_statement/],
};

async function open() {
  const ns = await Namespace.create({ libraryPath });
  // Two of them are written in C++.
  for (const name of ["libc.so", "libc++.so"]) await ns.load(name, { global: true });
  return ns;
}

const symbol = (file) => `tree_sitter_${file.slice("tree-sitter-".length, -".wasm".length)}`;

test("every grammar gives its language", async () => {
  const files = fs.readdirSync(grammars).filter((file) => file.endsWith(".wasm"));
  assert.equal(files.length, 36);
  const ns = await open();
  const tree = await ns.load("libtree-sitter.so");
  const parser = tree.ts_parser_new();
  let taken = 0;
  for (const file of files) {
    const grammar = await ns.load(path.join(grammars, file));
    const language = grammar[symbol(file)]();
    const version = tree.ts_language_abi_version(language);
    const expected = version >= OLDEST && version <= NEWEST;
    assert.equal(tree.ts_parser_set_language(parser, language), Number(expected), `${file}, version ${version}`);
    assert.ok(tree.ts_language_symbol_count(language) > 10, file);
    taken += expected;
  }
  // Two are older than that.
  assert.equal(taken, 34);
  ns.close();
});

test("they parse", async () => {
  const ns = await open();
  const tree = await ns.load("libtree-sitter.so");
  for (const [name, [text, expected]] of Object.entries(TEXTS)) {
    const grammar = await ns.load(path.join(grammars, `tree-sitter-${name}.wasm`));
    const parser = tree.ts_parser_new();
    assert.equal(tree.ts_parser_set_language(parser, grammar[`tree_sitter_${name}`]()), 1);
    const parsed = tree.ts_parser_parse_string(parser, 0, text, new TextEncoder().encode(text).length);
    // A TSNode has 24 bytes, and comes and goes by its address.
    const node = ns.memory.alloc(24);
    tree.ts_tree_root_node(node, parsed);
    const shown = tree.ts_node_string(node);
    assert.match(ns.memory.string(shown), expected);
    assert.doesNotMatch(ns.memory.string(shown), /ERROR|MISSING/);
    for (const address of [shown, node]) ns.memory.free(address);
    tree.ts_tree_delete(parsed);
    tree.ts_parser_delete(parser);
    grammar.$close();
  }
  ns.close();
});
