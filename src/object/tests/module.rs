use super::*;

fn data(base: Base, offset: u64) -> ExportItem {
    let ty = GlobalType {
        content: ValType::I32,
        mutable: false,
    };
    ExportItem::Data(Datum::new(ConstValue { base, offset }, ty).unwrap())
}

fn item<'a>(object: &'a Object, name: &str) -> &'a ExportItem {
    object.export(name).unwrap().item
}

#[test]
fn imports_keep_their_order_and_types() {
    let object = parse(EVERYTHING);
    let imports: Vec<String> = object
        .imports
        .iter()
        .map(|import| format!("{}.{}: {}", import.module, import.name, import.ty))
        .collect();
    assert_eq!(
        imports,
        [
            "env.memory: memory 1..",
            "env.__indirect_function_table: table of funcref 3..",
            "env.__stack_pointer: global mutable i32",
            "env.__memory_base: global i32",
            "env.__table_base: global i32",
            "GOT.mem.maybe: global mutable i32",
            "GOT.func.qsort: global mutable i32",
            "env.maybe: func (i32, i64) -> f32",
            "env.__cpp_exception: tag (i32) -> ()",
        ]
    );
    assert_eq!(object.imported_funcs, 1);
    assert_eq!(object.imported_globals, 5);
    assert_eq!(object.func_imports, [7]);
    assert_eq!(object.global_imports, [2, 3, 4, 5, 6]);
    assert_eq!(object.tag_imports, [8]);
    assert_eq!(object.import_of_func(0), Some(7));
    assert_eq!(object.import_of_func(1), None);
}

#[test]
fn exports_of_every_kind() {
    let object = parse(EVERYTHING);
    assert_eq!(object.exports.len(), 11);
    let f = sig(&[ValType::I32, ValType::I64], &[ValType::F32]);
    let i32_mut = GlobalType {
        content: ValType::I32,
        mutable: true,
    };
    let i64_mut = GlobalType {
        content: ValType::I64,
        mutable: true,
    };
    let func = |index, sig: &Arc<FuncType>| ExportItem::Func {
        index,
        sig: sig.clone(),
    };
    assert_eq!(item(&object, "one"), &func(1, &sig(&[], &[])));
    assert_eq!(item(&object, "two"), &func(2, &f));
    // An alias: its index is that of an import.
    assert_eq!(item(&object, "again"), &func(0, &f));
    assert_eq!(item(&object, "datum"), &data(Base::None, 16));
    assert_eq!(item(&object, "moved"), &data(Base::Memory, 8));
    assert_eq!(
        item(&object, "counter"),
        &ExportItem::Global {
            index: 7,
            ty: i64_mut.into()
        }
    );
    assert_eq!(
        item(&object, "sp"),
        &ExportItem::Global {
            index: 0,
            ty: i32_mut.into()
        }
    );
    assert_eq!(
        item(&object, "the_tag"),
        &ExportItem::Tag {
            index: 0,
            sig: sig(&[ValType::I32], &[])
        }
    );
    assert_eq!(
        item(&object, "own_tag"),
        &ExportItem::Tag {
            index: 1,
            sig: sig(&[ValType::I64], &[])
        }
    );
    assert!(matches!(
        item(&object, "table"),
        ExportItem::Table { index: 1, ty } if ty.limits == Limits { min: 2, max: Some(4) }
    ));
    assert!(matches!(
        item(&object, "mem"),
        ExportItem::Memory { index: 0, .. }
    ));
    assert!(object.export("nothing").is_none());
}

#[test]
fn types_are_shared() {
    let object = parse(
        r#"(module (type $t (func (param i32)))
          (import "env" "a" (func (type $t))) (import "env" "b" (func (type $t))))"#,
    );
    let [ExternType::Func(a), ExternType::Func(b)] =
        [0, 1].map(|n| object.imports.get(n).unwrap().ty)
    else {
        panic!("functions");
    };
    assert!(Arc::ptr_eq(a, b));
}

#[test]
fn definitions_and_segments() {
    let object = parse(EVERYTHING);
    assert_eq!(object.start, Some(3));
    assert_eq!((object.memory, object.defined_memories), (None, 0));
    let (index, ty) = object.table.unwrap();
    assert_eq!((index, ty.element, ty.table64), (1, FUNCREF, false));
    assert_eq!(object.defined_tables, 1);
    assert_eq!(
        object.segments,
        [
            Segment {
                table: 0,
                offset: ConstValue {
                    base: Base::Table,
                    offset: 0
                },
                funcs: vec![Some(1), Some(2), Some(0)],
            },
            Segment {
                table: 1,
                offset: ConstValue {
                    base: Base::None,
                    offset: 1
                },
                funcs: vec![None],
            },
        ]
    );
}

#[test]
fn segments_in_all_encodings() {
    let object = parse(
        r#"(module
          (table $t 10 funcref) (table $u 10 funcref) (table $x 10 externref)
          (func $f) (func $g)
          (global $imm funcref (ref.func $g))
          (elem (i32.const 1) $f $g)                                        ;; 0: active, functions
          (elem func $f)                                                    ;; 1: passive
          (elem (table $u) (i32.const 2) func $g)                           ;; 2: table given
          (elem declare func $f)                                            ;; 3: declared
          (elem (i32.const 3) funcref (ref.func $f) (ref.null func) (global.get $imm)) ;; 4
          (elem funcref (ref.func $f))                                      ;; 5: passive
          (elem (table $u) (offset (i32.const 4)) (ref null func) (item ref.func $g)) ;; 6
          (elem declare funcref (ref.func $f))                              ;; 7: declared
          (elem (table $x) (i32.const 0) externref (ref.null extern)))"#,
    );
    let segments: Vec<(u32, u64, &[Option<u32>])> = object
        .segments
        .iter()
        .map(|s| (s.table, s.offset.offset, s.funcs.as_slice()))
        .collect();
    assert_eq!(
        segments,
        [
            (0, 1, &[Some(0), Some(1)][..]),
            (1, 2, &[Some(1)][..]),
            (0, 3, &[Some(0), None, None][..]),
            (1, 4, &[Some(1)][..]),
        ]
    );
    assert_eq!(object.table.map(|(index, _)| index), Some(0));
    assert_eq!(object.defined_tables, 3);
    assert!(object.features.reference_types);
}

#[test]
fn a_segment_at_an_unknown_place_is_refused() {
    let bytes = assemble(
        r#"(module (import "env" "where" (global $w i32)) (table 1 funcref)
          (elem (global.get $w)))"#,
    );
    let message = refused(&bytes, Code::Unsupported);
    assert!(message.contains("__table_base"), "{message}");
}

#[test]
fn exported_imports_stay_aliases() {
    let object = parse(
        r#"(module (import "env" "__memory_base" (global $mb i32))
          (export "base" (global $mb)))"#,
    );
    assert!(matches!(
        item(&object, "base"),
        ExportItem::Global { index: 0, .. }
    ));
}

#[test]
fn value_types_of_every_kind() {
    let object = parse(
        r#"(module
          (rec (type $s (struct (field i32))) (type $f (func (param (ref null $s)) (result i32 i64))))
          (import "env" "f" (func (type $f)))
          (import "env" "g" (func (param v128 externref exnref (ref func) anyref) (result funcref))))"#,
    );
    let types: Vec<String> = object.imports.iter().map(|i| i.ty.to_string()).collect();
    assert_eq!(
        types,
        [
            "func ((ref null type 0)) -> (i32, i64)",
            "func (v128, externref, exnref, (ref func), heap type 0x6eref) -> funcref"
        ]
    );
    let features = object.features;
    assert!(features.gc && features.simd && features.exnref && features.reference_types);
    assert!(!features.legacy_exceptions && !features.threads && !features.tail_calls);
}

#[test]
fn compact_imports() {
    // Two forms that give the module's name once: with a type each, and with one type for all.
    let mut contents = leb(2);
    contents.extend([string("env"), string(""), vec![0x7f], leb(2)].concat());
    contents.extend([string("a"), vec![0, 0], string("b"), vec![3, 0x7f, 0]].concat());
    contents.extend(
        [
            string("GOT.mem"),
            string(""),
            vec![0x7e, 3, 0x7f, 1],
            leb(2),
        ]
        .concat(),
    );
    contents.extend([string("c"), string("d")].concat());
    let mut bytes = assemble("(module (type (func)))");
    bytes.push(section::IMPORT);
    contents.as_slice().encode(&mut bytes);
    let object = parse_bytes(&bytes).unwrap();
    let imports: Vec<String> = object
        .imports
        .iter()
        .map(|import| format!("{}.{}: {}", import.module, import.name, import.ty))
        .collect();
    assert_eq!(
        imports,
        [
            "env.a: func () -> ()",
            "env.b: global i32",
            "GOT.mem.c: global mutable i32",
            "GOT.mem.d: global mutable i32",
        ]
    );
    assert_eq!(object.imported_globals, 3);
    let limits = ParseLimits {
        imports: 3,
        ..ParseLimits::default()
    };
    let error = Object::parse(&bytes, &limits).unwrap_err();
    assert_eq!(error.code(), Code::Limit);
}

#[test]
fn memories_and_tables_of_64_bits() {
    let object = parse(
        r#"(module (memory i64 2 70000) (memory 1 1) (table i64 3 funcref)
          (func $f) (elem (table 0) (i64.const 1) func $f))"#,
    );
    let memory = object.memory.unwrap();
    assert!(memory.memory64 && !memory.shared);
    assert_eq!(
        memory.limits,
        Limits {
            min: 2,
            max: Some(70000)
        }
    );
    assert_eq!(object.defined_memories, 2);
    assert!(object.table.unwrap().1.table64);
    assert!(object.features.memory64 && object.features.multi_memory);
    assert_eq!(object.segments[0].offset.offset, 1);
}

#[test]
fn shared_memory_means_threads() {
    let object = parse(r#"(module (import "env" "memory" (memory 1 2 shared)))"#);
    assert!(object.features.threads);
    assert_eq!(object.features.names(), ["threads"]);
    assert!(matches!(
        object.imports.get(0).unwrap().ty,
        ExternType::Memory(ty) if ty.shared
    ));
}

#[test]
fn target_features_are_believed() {
    let payload = b"\x05+\x07simd128+\x0breference..-\x07atomics";
    let object = parse_bytes(&with_custom("target_features", payload, "(module)")).unwrap();
    assert_eq!(object.features.names(), ["SIMD"]);

    let mut payload = leb(4);
    for name in ["atomics", "tail-call", "multimemory", "exception-handling"] {
        payload.push(b'+');
        payload.extend(string(name));
    }
    let object = parse_bytes(&with_custom("target_features", &payload, "(module)")).unwrap();
    assert_eq!(
        object.features.names(),
        ["threads", "tail calls", "multiple memories"]
    );
}

#[test]
fn module_names_are_read_and_damage_is_not_fatal() {
    assert_eq!(parse("(module $libm)").module_name.as_deref(), Some("libm"));
    let damaged = with_custom("name", &[0, 99, 3], "(module)");
    assert_eq!(parse_bytes(&damaged).unwrap().module_name, None);
}

#[test]
fn data_segments_are_joined_by_memory_and_base() {
    let object = parse(
        r#"(module
          (import "env" "memory" (memory $m 1))
          (import "x" "memory" (memory $x 1))
          (import "env" "__memory_base" (global $base i32))
          (import "x" "g" (global $unknown i32))
          (data (memory $m) (i32.const 100) "0123456789")
          (data "passive")
          (data (memory $m) (i32.const 5) "0123")
          (data (memory $m) (i32.const 4000) "")
          (data (memory $x) (i32.const 7) "01")
          (data (memory $m) (offset (i32.add (global.get $base) (i32.const 16))) "012")
          (data (memory $m) (global.get $base) "0")
          (data (memory $m) (global.get $unknown) "01234"))"#,
    );
    let filled = |memory, base, start, end| Filled {
        memory,
        base,
        start,
        end,
    };
    assert_eq!(
        object.data,
        [
            filled(0, Some(Base::None), 5, 110),
            filled(1, Some(Base::None), 7, 9),
            filled(0, Some(Base::Memory), 0, 19),
            filled(0, None, 0, 5),
        ]
    );
    assert_eq!(object.memory_imports, [0, 1]);
}

#[test]
fn data_of_many_segments_take_no_memory() {
    let segments = r#"(data (i32.const 3) "x")"#.repeat(50_000);
    let object = parse(&format!("(module (memory 1) {segments})"));
    assert_eq!(object.data.len(), 1);
}
