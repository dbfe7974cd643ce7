use super::Fixture;
use crate::engine::*;

#[test]
fn calls_a_function() {
    let f = Fixture::new();
    let i = f.instance(
        r#"(module (func (export "add") (param i32 i64 f32 f64) (result f64 i32)
            local.get 3 local.get 2 f64.promote_f32 f64.add local.get 0 local.get 1 i32.wrap_i64 i32.add))"#,
        &[],
    );
    let exports = i.exports();
    let item = exports.get(0).unwrap();
    let func = item.as_func().unwrap();
    let mut results = [Val::i32(0); 2];
    func.call(
        &[Val::i32(-7), Val::i64(9), Val::f32(1.5), Val::f64(2.0)],
        &mut results,
    )
    .unwrap();
    assert_eq!(results[0].as_f64(), Some(3.5));
    assert_eq!(results[1].as_i32(), Some(2));
    assert_eq!((func.param_arity(), func.result_arity()), (4, 2));
    assert_eq!(
        func.ty().unwrap().to_string(),
        "(i32, i64, f32, f64) -> (f64, i32)"
    );
}
